/** Tables: columns stand below each other, names can not break out of their place, colours are for those who want them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bar, duration, size } from './figures.ts'
import { table } from './table.ts'

const number = (text: string) => ({ text, right: true })

test('words stand at the left, numbers at the right, an explanation below', () => {
  const rows = [
    { cells: [{ text: 'web1' }, number('5'), { text: 'live' }] },
    { cells: [{ text: 'a-long-name' }, number('1,234'), { text: 'x' }], note: 'why' },
  ]
  assert.equal(
    table(['NAME', 'N', 'STATE'], rows, false),
    'NAME             N  STATE\nweb1             5  live\na-long-name  1,234  x\n  why\n',
  )
})

test('no rows, no headings', () => {
  assert.equal(table(['NAME'], [], true), '')
})

test('control characters of a name or an explanation never reach the terminal', () => {
  const hostile = 'a\u001b[31m\nb\u009b'
  const text = table(['PATH'], [{ cells: [{ text: hostile }], note: hostile }], false)
  assert.ok(!/[\u001b\u009b]/.test(text), text)
  assert.equal(text.split('\n').length, 4)
})

test('colours paint the cell and do not move the columns', () => {
  const rows = [{ cells: [{ text: 'live', tone: 'good' as const }, { text: 'x' }] }]
  const painted = table(['STATE', 'Y'], rows, true)
  assert.match(painted, /\u001b\[32mlive \u001b\[0m {2}x/)
  assert.equal(painted.replaceAll(/\u001b\[\d+m/g, ''), table(['STATE', 'Y'], rows, false))
})

test('figures are short and keep their unit', () => {
  assert.deepEqual([0, 999, 1000, 999_960, 1.5e9].map(size), ['0 B', '999 B', '1.0 kB', '1.0 MB', '1.5 GB'])
  assert.deepEqual([0.2, 59, 61, 3_700].map(duration), ['1 s', '59 s', '1 min 1 s', '1 h 2 min'])
  assert.match(bar(0.5), /^█{12}░{12} {2}50%$/)
})
