/**
 * The `config` verbs: the faults of a file, the configuration that takes effect, and the pattern that decides about a
 * path.
 */
import { lstatSync } from 'node:fs'
import { resolve } from 'node:path'
import { effectiveYaml, readConfigFile, type Terminal } from '@rootferry/host/daemon'
import { EXIT, errorCode, Failure, printable } from '@rootferry/host/machine'
import { isReserved, type MatchedKind, ROOT_PATH } from '@rootferry/protocol'
import type { Command } from 'commander'
import { AgentFile, type RootValue, WRITER } from '../config/agent-file.ts'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { explainPath, type NamedPattern } from '../config/explain-path.ts'
import { PRESET_HOLDS, PRESETS } from '../config/presets.ts'
import { openIdentity } from '../serve/door/identity.ts'
import { typedPath } from './typed-path.ts'

export function addConfigCommand(
  program: Command,
  withConfig: (command: Command) => Command,
  terminal: Terminal,
): void {
  const config = program.command('config').description('work on configuration files')
  config
    .command('check <file>')
    .description('report the faults of a configuration file')
    .action(async (file: string) => {
      const checked = readAgentConfig(file)
      // Without files of its own this would make the agent's certificate, which a check must not do.
      if (checked.tls?.files != null) await openIdentity(checked, new Date())
      terminal.say(`${file}: ok\n`)
    })
  withConfig(config.command('show').description('print what takes effect: the file, with presets and defaults')).action(
    (options: { config: string }) => terminal.out(shown(options.config)),
  )
  withConfig(
    config
      .command('explain <root> <path>')
      .description('say whether a path of a root is sent, and which pattern decides')
      .addHelpText(
        'after',
        '\nThe path is relative to the root, or absolute and inside it. A / at its end: a directory.',
      ),
  ).action((root: string, path: string, options: { config: string }) =>
    terminal.out(explained(options.config, root, path)),
  )
  config
    .command('schema')
    .description('print the JSON Schema of agent.yaml')
    .action(() => terminal.out(`${JSON.stringify({ title: 'agent.yaml', ...AgentFile }, null, 2)}\n`))
}

/** @throws Failure (78) with a line for every fault */
function shown(file: string): string {
  readAgentConfig(file)
  const { value } = readConfigFile(file, AgentFile, WRITER)
  const notes = new Map<string, string>()
  const roots = Object.entries(value.roots).map(([name, root]) => {
    const exclude = patternsOf(root)
    exclude.forEach(({ source, isPreset }, index) => {
      if (isPreset) notes.set(`roots/${name}/exclude/${index}`, source)
    })
    const patterns = exclude.length === 0 ? {} : { exclude: exclude.map(({ pattern }) => pattern) }
    return [name, { ...root, ...patterns, ...holdOf(name, root, notes) }] as const
  })
  return `# ${file} as it takes effect\n${effectiveYaml(AgentFile, { ...value, roots: Object.fromEntries(roots) }, notes)}`
}

/** What a preset says of holds, and the file does not. */
function holdOf(name: string, { preset, hold }: RootValue, notes: Map<string, string>): Pick<RootValue, 'hold'> {
  const [, ofPreset] = Object.entries(PRESET_HOLDS).find(([known]) => known === preset) ?? []
  if (ofPreset === undefined) return hold === undefined ? {} : { hold }
  const at = `roots/${name}/hold`
  if (hold?.while === undefined)
    for (const index of ofPreset.while.keys()) notes.set(`${at}/while/${index}`, `preset ${preset}`)
  if (hold?.show === undefined) notes.set(`${at}/show`, `preset ${preset}`)
  return { hold: { while: [...ofPreset.while], show: ofPreset.show, ...hold } }
}

/** The patterns in the order in which they count. */
function patternsOf(root: { preset?: string; exclude?: string[] }): (NamedPattern & { isPreset: boolean })[] {
  const [name, preset] = Object.entries(PRESETS).find(([known]) => known === root.preset) ?? ['', {}]
  return [
    ...Object.entries(preset).map(([pattern, why]) => ({ pattern, source: `preset ${name}: ${why}`, isPreset: true })),
    ...(root.exclude ?? []).map((pattern) => ({ pattern, source: 'exclude', isPreset: false })),
  ]
}

/** @throws Failure: 2 for an unknown root or a path outside it, 78 for a bad file */
function explained(file: string, name: string, typed: string): string {
  const served = readAgentConfig(file).roots.find((root) => root.name === name)
  const root = readConfigFile(file, AgentFile, WRITER).value.roots[name]
  if (served === undefined || root === undefined) throw new Failure(EXIT.usage, `there is no root ${name} in ${file}`)
  const path = typedPath(typed, [served.path])
  if (path === ROOT_PATH) throw new Failure(EXIT.usage, 'the root itself is always sent: name a path inside it')
  const shownPath = printable(path)
  if (isReserved(path)) return `${shownPath} is not sent: the name is reserved, on both ends\n`
  const { isExcluded, decidedAt, pattern } = explainPath(patternsOf(root), path, kindAt(served.path, path, typed))
  if (pattern === null) return `${shownPath} is sent: no pattern matches\n`
  const by = `${printable(pattern.pattern)} (${pattern.source})`
  if (!isExcluded) return `${shownPath} is sent: ${by} includes it again\n`
  return decidedAt === path
    ? `${shownPath} is excluded by ${by}\n`
    : `${shownPath} is excluded, because ${printable(decidedAt)} is, by ${by}\n`
}

/** The object on disk decides; if there is none, the path as it was typed. */
function kindAt(root: string, path: string, typed: string): MatchedKind {
  try {
    const status = lstatSync(resolve(root, path))
    if (status.isSymbolicLink()) return 'symlink'
    return status.isDirectory() ? 'directory' : 'file'
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error
    return typed.endsWith('/') ? 'directory' : 'file'
  }
}
