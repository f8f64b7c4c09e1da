/** Tables: columns are aligned, a name cannot break out of its cell, and colours appear only where they are wanted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bar, duration, size } from './numbers.ts'
import { table } from './table.ts'

const PLAIN = { colour: false, width: Number.POSITIVE_INFINITY }
const COLOURED = { ...PLAIN, colour: true }

const number = (text: string) => ({ text, right: true })

test('words stand at the left, numbers at the right, an explanation below', () => {
  const rows = [
    { cells: [{ text: 'web1' }, number('5'), { text: 'live' }] },
    { cells: [{ text: 'a-long-name' }, number('1,234'), { text: 'x' }], note: 'why' },
  ]
  assert.equal(
    table(['NAME', 'N', 'STATE'], rows, PLAIN),
    'NAME             N  STATE\nweb1             5  live\na-long-name  1,234  x\n  why\n',
  )
})

test('where the terminal is too narrow, a row is a few lines, and nothing wraps', () => {
  const rows = [
    { cells: [{ text: 'web1' }, number('5'), { text: 'live' }] },
    { cells: [{ text: 'a\u001bb' }, number('1,234'), { text: 'offline', tone: 'bad' as const }], note: 'why' },
  ]
  const page = { colour: true, width: 24 }
  assert.ok(table(['NAME', 'SEQUENCE', 'STATE'], rows, page).includes('\u001b[31moffline\u001b[0m'))
  assert.equal(
    table(['NAME', 'SEQUENCE', 'STATE'], rows, { ...page, colour: false }),
    `NAME      web1
SEQUENCE  5
STATE     live

NAME      a\\u001bb
SEQUENCE  1,234
STATE     offline
  why
`,
  )
  assert.match(table(['NAME', 'SEQUENCE', 'STATE'], rows, { ...PLAIN, width: 27 }), /^NAME {6}SEQUENCE/)
})

test('no rows, no headings', () => {
  assert.equal(table(['NAME'], [], COLOURED), '')
})

test('control characters of a name or an explanation never reach the terminal', () => {
  const hostile = 'a\u001b[31m\nb\u009b'
  const text = table(['PATH'], [{ cells: [{ text: hostile }], note: hostile }], PLAIN)
  assert.ok(!/[\u001b\u009b]/.test(text), text)
  assert.equal(text.split('\n').length, 4)
})

test('colours paint the cell and do not move the columns', () => {
  const rows = [{ cells: [{ text: 'live', tone: 'good' as const }, { text: 'x' }] }]
  const painted = table(['STATE', 'Y'], rows, COLOURED)
  assert.match(painted, /\u001b\[32mlive \u001b\[0m {2}x/)
  assert.equal(painted.replaceAll(/\u001b\[\d+m/g, ''), table(['STATE', 'Y'], rows, PLAIN))
})

test('numbers are short and keep their unit', () => {
  assert.deepEqual([0, 999, 1000, 999_960, 1.5e9].map(size), ['0 B', '999 B', '1.0 kB', '1.0 MB', '1.5 GB'])
  assert.deepEqual([0.2, 59, 59.7, 61, 119.8, 3_700, 7_199, 200_000].map(duration), [
    '1 s',
    '59 s',
    '1 min 0 s',
    '1 min 1 s',
    '2 min 0 s',
    '1 h 2 min',
    '2 h 0 min',
    '2 d 7 h',
  ])
  assert.match(bar(0.5), /^█{12}░{12} {2}50%$/)
})
