/**
 * Manual pages, generated from the verbs and options of a command line and from the settings of a configuration file,
 * so that they are never out of date. Pure.
 */
import type { Command } from 'commander'
import type { Setting } from '../document.ts'

export interface PageDetails {
  version: string
  /** A day such as 2026-11-28. */
  date: string
  /** Paths with their descriptions. */
  files: Readonly<Record<string, string>>
  seeAlso: readonly string[]
}

/** The page of a program, section 1. */
export function programPage(program: Command, details: PageDetails): string {
  const verbs = verbsOf(program)
  return [
    heading(program.name(), 1, details),
    `.SH NAME\n${text(program.name())} \\- ${text(sentence(program.description()))}\n`,
    `.SH SYNOPSIS\n.B ${text(program.name())}\n.I VERB\n[\\fIoptions\\fR]\n`,
    `.SH DESCRIPTION\n${text(program.description())}\n`,
    options(program),
    '.SH VERBS\n',
    ...verbs.flatMap((verb) => [`.SS ${text(usageOf(verb, program))}\n`, paragraph(verb.description()), options(verb)]),
    ...[program, ...verbs].flatMap((command) => after(command)),
    files(details),
    `.SH SEE ALSO\n${details.seeAlso.map((page) => `.BR ${text(page.replace('(', ' ('))}`).join(' ,\n')}\n`,
  ].join('')
}

/** The page of a configuration file, section 5. */
export function settingsPage(name: string, about: string, settings: readonly Setting[], details: PageDetails): string {
  const rows = settings.map(({ path, title, accepts, fallback }) => {
    const ends = fallback === '-' ? '' : fallback === 'required' ? ' It is required.' : ` Default: ${plain(fallback)}.`
    return `.TP\n.B ${text(path)}\n${text(`${plain(title)}. Accepts ${plain(accepts)}.${ends}`)}\n`
  })
  return [
    heading(name, 5, details),
    `.SH NAME\n${text(name)} \\- ${text(sentence(about))}\n`,
    `.SH DESCRIPTION\n${text(about)} The file is YAML; relative paths in it are relative to the file.\n`,
    `.SH SETTINGS\n${rows.join('')}`,
    files(details),
    `.SH SEE ALSO\n${details.seeAlso.map((page) => `.BR ${text(page.replace('(', ' ('))}`).join(' ,\n')}\n`,
  ].join('')
}

function heading(name: string, section: number, { version, date }: PageDetails): string {
  return `.TH ${name.toUpperCase()} ${section} ${date} "Rootferry ${version}"\n.nh\n.ad l\n`
}

/** `resync` is a verb, although it has verbs below it; `token` is none, as it takes nothing by itself. */
function verbsOf(command: Command): Command[] {
  const isVerb = (one: Command) => one.commands.length === 0 || one.options.length > 0
  return command.commands.flatMap((one) => [...(isVerb(one) ? [one] : []), ...verbsOf(one)])
}

/** `token create <name>`: the words of a verb below the program, and its arguments. */
function usageOf(verb: Command, program: Command): string {
  const words: string[] = []
  for (let at: Command | null = verb; at !== null && at !== program; at = at.parent) words.unshift(at.name())
  const parameters = verb.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [...words, ...parameters].join(' ')
}

function options(command: Command): string {
  return command.options
    .map((option) => {
      const { flags, description, argChoices } = option
      const among = argChoices === undefined ? '' : ` One of ${argChoices.join(', ')}.`
      const fallback = option.defaultValueDescription ?? option.defaultValue
      const isTold = typeof fallback === 'number' || (typeof fallback === 'string' && fallback !== '')
      return `.TP\n.B ${text(flags)}\n${text(`${sentence(description)}.${among}${isTold ? ` Default: ${fallback}.` : ''}`)}\n`
    })
    .join('')
}

/** The text at the end of a command's help: examples, exit codes. Lines stay as they are. */
function after(command: Command): string[] {
  let said = ''
  command.configureOutput({ writeOut: (more) => (said += more) }).outputHelp()
  said = said.slice(command.helpInformation().length)
  const name = command.parent === null ? 'NOTES' : usageOf(command, rootOf(command)).toUpperCase()
  return said.trim() === '' ? [] : [`.SH ${text(name)}\n.nf\n${text(said.trim())}\n.fi\n`]
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent)
}

function files({ files }: PageDetails): string {
  return `.SH FILES\n${Object.entries(files)
    .map(([path, about]) => `.TP\n.I ${text(path)}\n${text(about)}\n`)
    .join('')}`
}

function paragraph(words: string): string {
  return `${text(`${words[0]?.toUpperCase() ?? ''}${words.slice(1)}`)}.\n`
}

function sentence(words: string): string {
  return words.replace(/\.$/, '')
}

/** The text without the marks of Markdown. */
function plain(words: string): string {
  return sentence(words).replaceAll('`', '')
}

/** The text as roff accepts it: backslashes and dashes escaped, and no line that begins with a request. */
function text(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&')
    .replaceAll('…', '...')
    .replaceAll(
      /[^\x00-\x7f]/gu,
      (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
}
