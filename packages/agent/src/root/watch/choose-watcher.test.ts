/** Which backend is chosen for which tree and filesystem. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseBackend, hasOutgrown, MOST_CHOKIDAR_ENTRIES } from './choose-watcher.ts'

const EXT4 = 0xef53
const TMPFS = 0x01021994
const NFS = 0x6969
const CIFS = 0xff534d42
const SSHFS = 0x65735546

describe('the choice of a backend', () => {
  it('leaves small trees to chokidar and gives big ones to the directory backend', () => {
    assert.equal(chooseBackend('auto', 0, EXT4), 'chokidar')
    assert.equal(chooseBackend('auto', MOST_CHOKIDAR_ENTRIES, TMPFS), 'chokidar')
    assert.equal(chooseBackend('auto', MOST_CHOKIDAR_ENTRIES + 1, EXT4), 'directory')
  })

  it('notices a root that began small and has grown, unless an operator chose chokidar', () => {
    assert.equal(hasOutgrown('auto', 'chokidar', 2 * MOST_CHOKIDAR_ENTRIES), false)
    assert.equal(hasOutgrown('auto', 'chokidar', 2 * MOST_CHOKIDAR_ENTRIES + 1), true)
    assert.equal(hasOutgrown('chokidar', 'chokidar', 1_000_000), false)
    assert.equal(hasOutgrown('auto', 'polling', 1_000_000), false)
    assert.equal(hasOutgrown('auto', 'directory', 1_000_000), false)
  })

  it('polls where other machines change files, whatever the size', () => {
    for (const magic of [NFS, CIFS, CIFS | 0, SSHFS]) {
      assert.equal(chooseBackend('auto', 10, magic), 'polling')
      assert.equal(chooseBackend('auto', 1_000_000, magic), 'polling')
    }
  })

  it('does as the operator says', () => {
    for (const backend of ['chokidar', 'directory', 'polling'] as const) {
      assert.equal(chooseBackend(backend, 1_000_000, NFS), backend)
      assert.equal(chooseBackend(backend, 1, EXT4), backend)
    }
  })
})
