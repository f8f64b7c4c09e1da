/** The manual pages against the command lines that they are made from: nothing that `--help` tells is left out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from 'commander'
import { commandOf } from '../../build/package/commands.ts'
import { programPage } from '../../build/package/man-page.ts'
import { DAEMONS } from '../../build/programs.ts'

const DETAILS = { version: '1.2.3', date: '2026-11-28', files: {}, seeAlso: [] }

/** Heading of a verb in the page → what the page says below it. */
function sectionsOf(page: string): Map<string, string> {
  const parts = page.split(/^\.S[HS] /m).slice(1)
  return new Map(parts.map((part) => [part.split(/ [\\[<]|\n/, 1)[0] ?? '', part.replaceAll('\\-', '-')]))
}

function everyVerb(command: Command, words: string[]): [words: string, verb: Command][] {
  return command.commands.flatMap((verb) => {
    const all = [...words, verb.name()]
    return [[all.join(' '), verb] satisfies [string, Command], ...everyVerb(verb, all)]
  })
}

for (const daemon of DAEMONS)
  test(`the manual page of rootferry-${daemon} has every verb with every option, a verb with verbs below it too`, () => {
    const program = commandOf(daemon)
    const sections = sectionsOf(programPage(program, DETAILS))
    const missing = everyVerb(program, []).flatMap(([words, verb]) =>
      verb.options
        .map(({ flags }) => flags)
        .filter((flags) => sections.get(words)?.includes(`.B ${flags}\n`) !== true)
        .map((flags) => `${words} ${flags}`),
    )
    assert.deepEqual(missing, [])
  })

test('a default is told in the words that the option takes, a time with its unit', () => {
  const program = commandOf('agent')
  const page = programPage(program, DETAILS)
  assert.doesNotMatch(page, /Default: \./)
  for (const [words, verb] of everyVerb(program, []))
    for (const { flags, defaultValue, defaultValueDescription } of verb.options)
      if (flags.includes('<time>') && defaultValue !== undefined)
        assert.match(defaultValueDescription ?? '', /^\d+[smhd]$/, `${words} ${flags}`)
  assert.match(page, /Default: 15m\./)
})
