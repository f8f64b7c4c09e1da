/** The `init` verb: writes a first agent.yaml, which is checked first and never replaces an existing file. */
import { chmodSync, existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseListenAddress, type Terminal, typedDirectory } from '@rootferry/host/daemon'
import { EXIT, errorCode, errorMessage, Failure, makeDirectories, printable } from '@rootferry/host/machine'
import { RootName } from '@rootferry/protocol'
import { type Command, Option } from 'commander'
import { Check } from 'typebox/value'
import { DEFAULT_LISTEN } from '../config/agent-file.ts'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { PRESET_NAMES } from '../config/presets.ts'
import { agentYaml } from '../config/write-agent-yaml.ts'

interface InitOptions {
  config: string
  root: string[]
  preset?: string
  listen: string
}

export function addInitCommand(program: Command, withConfig: (command: Command) => Command, terminal: Terminal): void {
  withConfig(program.command('init').description('write a first configuration, with comments'))
    .option(
      '--root <name=directory>',
      'a docroot to serve, as shop=/var/www/shop; repeatable',
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .addOption(new Option('--preset <preset>', 'what the software of the docroots is').choices(PRESET_NAMES))
    .option('--listen <host:port>', 'where receivers connect', DEFAULT_LISTEN)
    .addHelpText('after', '\nExample:\n  rootferry-agent init --root shop=/var/www/shop --preset magento2')
    .action((options: InitOptions, command: Command) => {
      const roots = rootsOf(options.root)
      const { config, preset = null, listen } = options
      writeNew(config, agentYaml({ listen, preset, roots }))
      for (const path of roots.values())
        if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
          terminal.say(`There is no directory ${printable(path)} yet: its root will be unavailable until there is.\n`)
      const isDefault = command.getOptionValueSource('config') === 'default'
      terminal.say(`${config} is written. Next:\n${nextSteps(isDefault ? null : config, listen)}`)
    })
}

/** @param config null: the place where the service looks for it */
function nextSteps(config: string | null, listen: string): string {
  const { host, port } = parseListenAddress(listen) ?? { host: '', port: 0 }
  const reached = host === '0.0.0.0' || host === '::' ? `THIS-HOST:${port}` : listen
  const elsewhere = config === null ? '' : ` --config ${config}`
  return `  ${config === null ? 'systemctl enable --now rootferry-agent' : `rootferry-agent run${elsewhere}`}
  rootferry-agent token create NAME --join --url wss://${reached}${elsewhere}   # an invitation for each app server
`
}

/** @throws Failure (2) */
function rootsOf(given: readonly string[]): Map<string, string> {
  const roots = new Map<string, string>()
  for (const text of given) {
    const [, name = '', path = ''] = /^([^=]+)=(.+)$/.exec(text) ?? []
    if (name === '') throw new Failure(EXIT.usage, `--root ${printable(text)}: NAME=DIRECTORY is expected`)
    if (!Check(RootName, name))
      throw new Failure(
        EXIT.usage,
        `'${printable(name)}' is not a valid name of a root: letters, digits, '.', '_' and '-'`,
      )
    if (roots.has(name)) throw new Failure(EXIT.usage, `--root ${printable(name)} is given twice`)
    roots.set(name, typedDirectory(path))
  }
  if (roots.size === 0) throw new Failure(EXIT.usage, 'name a docroot: --root shop=/var/www/shop')
  return roots
}

/** @throws Failure: 1 when there is a file already or the place cannot be written, 2 when the content would be bad */
function writeNew(file: string, text: string): void {
  const directory = dirname(resolve(file))
  try {
    const isThere = existsSync(directory)
    makeDirectories(directory, 0o755)
    // The umask hides the daemon's own files from others, but everybody may read the configuration.
    if (!isThere) chmodSync(directory, 0o755)
    const trial = mkdtempSync(join(directory, '.init-'))
    try {
      const draft = join(trial, 'agent.yaml')
      writeFileSync(draft, text)
      chmodSync(draft, 0o644)
      check(draft)
      // A link does not replace an existing file.
      linkSync(draft, file)
    } finally {
      rmSync(trial, { recursive: true })
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    const why =
      errorCode(error) === 'EEXIST'
        ? 'is there already, and stays as it is: add a further root there'
        : errorMessage(error)
    throw new Failure(EXIT.failed, `${file} ${why}`, { cause: error })
  }
}

/** Faults are reported for the words of the command line, because the draft is not shown to anyone. */
function check(draft: string): void {
  try {
    readAgentConfig(draft)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(EXIT.usage, error.message.replaceAll(draft, '').replaceAll(/^:\d+:\d+: /gm, ''))
  }
}
