/** Modes as `rsync --chmod` gives them; each case was held against rsync 3.5. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { parseModeMap } from './mode-map.ts'

const CASES: [string, 'file' | 'directory', number, number][] = [
  ['preserve', 'file', 0o4600, 0o4600],
  ['D755,F644', 'file', 0o600, 0o644],
  ['D755,F644', 'directory', 0o700, 0o755],
  ['g+r', 'file', 0o600, 0o640],
  ['g+r', 'directory', 0o700, 0o740],
  ['g+rX', 'file', 0o600, 0o640],
  ['g+rX', 'directory', 0o700, 0o750],
  ['g+rX', 'file', 0o700, 0o750],
  ['a+r', 'file', 0o600, 0o644],
  ['+r', 'file', 0o600, 0o644],
  ['go=', 'file', 0o777, 0o700],
  ['go=r', 'file', 0o777, 0o744],
  ['u-w,o-rwx', 'file', 0o646, 0o440],
  ['Dg+s,F0640', 'directory', 0o755, 0o2755],
  ['Dg+s,F0640', 'file', 0o755, 0o640],
  ['F-x', 'file', 0o755, 0o644],
  ['F-x', 'directory', 0o755, 0o755],
  ['o+t', 'directory', 0o777, 0o1777],
  ['+w', 'file', 0o444, 0o644],
  ['u=s', 'file', 0o755, 0o4055],
  ['g=s,Fo+w', 'file', 0o2755, 0o2707],
]
for (const [text, kind, mode, expected] of CASES) {
  it(`${text}: a ${kind} of ${mode.toString(8)} gets ${expected.toString(8)}`, () => {
    assert.equal(parseModeMap(text)?.(kind, mode).toString(8), expected.toString(8))
  })
}

for (const text of ['', 'rw', 'u=rw+x', '75', '9755', 'D', 'g+q', 'g+r,', 'x755', 'F888', 'keep']) {
  it(`'${text}' is no change of modes`, () => assert.equal(parseModeMap(text), null))
}
