/**
 * The files of a package for a host: the one description from which the .deb and the .rpm are made.
 *
 * Everything here is a function of the checkout, the version and the runtime, so the same input makes the same files.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Command } from 'commander'
import { AgentFile } from '../../packages/agent/src/config/agent-file.ts'
import { completionScript } from '../../packages/host/src/daemon/completion.ts'
import { ReceiverFile } from '../../packages/receiver/src/config/receiver-yaml.ts'
import { settingsOf } from '../document.ts'
import { DAEMONS, REPOSITORY } from '../programs.ts'
import { commandOf } from './commands.ts'
import { licencesOf } from './licences.ts'
import { type PageDetails, programPage, settingsPage } from './man-page.ts'
import type { Release } from './release.ts'
import type { Runtime } from './runtime.ts'

export interface PackageFile {
  /** Path from the root of the filesystem, without a leading slash. */
  path: string
  isExecutable: boolean
  contents: Buffer
}

const PACKAGING = join(REPOSITORY, 'packaging')
const DOCUMENTS = 'usr/share/doc/rootferry'
const LIBRARY = 'usr/lib/rootferry'

/** Of the load balancers. */
const SCRIPTS = new Set(['nginx-upstream'])

const WHERE_TEXTS_ARE = `Their texts: /${DOCUMENTS}/third-party.txt
On Debian the Apache License 2.0 is also in /usr/share/common-licenses/Apache-2.0.
`

/** Sorted by path. Directories are those of the paths, and `EMPTY_DIRECTORIES`. */
export function hostFiles(release: Release, runtime: Runtime): PackageFile[] {
  const inputs = DAEMONS.flatMap((daemon) => release.bundles[daemon].inputs)
  const licences = licencesOf(inputs, runtime)
  const files = [
    file(`${LIBRARY}/node`, runtime.node, true),
    file(`${LIBRARY}/package.json`, '{"type": "module"}\n'),
    ...DAEMONS.flatMap((daemon) => [
      ...release.bundles[daemon].files.map(({ path, contents }) => file(`${LIBRARY}/${daemon}/${path}`, contents)),
      file(`usr/bin/rootferry-${daemon}`, launcher(daemon), true),
      file(`usr/lib/systemd/system/rootferry-${daemon}.service`, packaged(`rootferry-${daemon}.service`)),
      ...completions(commandOf(daemon)),
    ]),
    file('usr/lib/sysctl.d/50-rootferry.conf', packaged('50-rootferry.conf')),
    ...manPages(release).map(({ path, contents }) => file(`usr/share/man/${path}.gz`, zipped(contents))),
    ...['prometheus', 'grafana'].flatMap((directory) =>
      below(join(PACKAGING, directory)).map((path) =>
        file(`usr/share/rootferry/${directory}/${path}`, packaged(`${directory}/${path}`)),
      ),
    ),
    file('usr/share/rootferry/agent.schema.json', schemaOf('agent', AgentFile)),
    file('usr/share/rootferry/receiver.schema.json', schemaOf('receiver', ReceiverFile)),
    ...below(join(PACKAGING, 'load-balancers')).map((path) =>
      file(`usr/share/rootferry/load-balancers/${path}`, packaged(`load-balancers/${path}`), SCRIPTS.has(path)),
    ),
    ...below(join(PACKAGING, 'examples')).map((path) =>
      file(`${DOCUMENTS}/examples/${path}`, packaged(`examples/${path}`)),
    ),
    ...documents().map((path) => file(`${DOCUMENTS}/${path}`, readFileSync(join(REPOSITORY, path)))),
    file(`${DOCUMENTS}/copyright`, `${licences.summary}\n${WHERE_TEXTS_ARE}`),
    file(`${DOCUMENTS}/third-party.txt`, licences.texts),
    file('usr/share/lintian/overrides/rootferry', packaged('lintian-overrides')),
    file(`${DOCUMENTS}/changelog.gz`, zipped(release.changelog)),
  ]
  return files.sort((one, other) => (one.path < other.path ? -1 : 1))
}

/** Where `init` and `join` write, and where the daemons make their state directories. */
export const EMPTY_DIRECTORIES = ['etc/rootferry', 'var/lib/rootferry']

/** Manual pages of both programs and both configuration files, by their path below a `man` directory. */
export function manPages({ version, date }: Release): { path: string; contents: string }[] {
  const page = (daemon: 'agent' | 'receiver', other: string): PageDetails => ({
    version,
    date: date.toISOString().slice(0, 10),
    files: {
      [`/etc/rootferry/${daemon}.yaml`]: 'the configuration',
      [`/var/lib/rootferry/${daemon}`]: 'the state, unless stateDir names another directory',
    },
    seeAlso: [`rootferry-${daemon}.yaml(5)`, `rootferry-${daemon}(1)`, `rootferry-${other}(1)`],
  })
  const agent = page('agent', 'receiver')
  const receiver = page('receiver', 'agent')
  const settings = (daemon: string, schema: object, details: PageDetails) =>
    settingsPage(`rootferry-${daemon}.yaml`, `The configuration of the ${daemon} of Rootferry.`, settingsOf(schema), {
      ...details,
      files: { [`/etc/rootferry/${daemon}.yaml`]: 'where the daemon and its verbs look for it' },
    })
  return [
    { path: 'man1/rootferry-agent.1', contents: programPage(commandOf('agent'), agent) },
    { path: 'man1/rootferry-receiver.1', contents: programPage(commandOf('receiver'), receiver) },
    { path: 'man5/rootferry-agent.yaml.5', contents: settings('agent', AgentFile, agent) },
    { path: 'man5/rootferry-receiver.yaml.5', contents: settings('receiver', ReceiverFile, receiver) },
  ]
}

/** The runtime's own debugger stays shut, and the process has the daemon's name from its first moment. */
function launcher(daemon: string): string {
  return `#!/bin/sh
exec /${LIBRARY}/node --disable-sigusr1 /${LIBRARY}/${daemon}/main.js "$@"
`
}

function completions(program: Command): PackageFile[] {
  const name = program.name()
  const step = `_${name.replaceAll('-', '_')}`
  // zsh loads the file as the completing function: it must answer the first request at once, too.
  const zsh = `#compdef ${name}\n${completionScript(program, 'zsh')}_bash_complete -o default -F ${step}\n`
  return [
    file(`usr/share/bash-completion/completions/${name}`, completionScript(program, 'bash')),
    file(`usr/share/zsh/vendor-completions/_${name}`, zsh),
    file(`usr/share/fish/vendor_completions.d/${name}.fish`, completionScript(program, 'fish')),
  ]
}

/** Where they lie in the checkout, so that the links between them lead somewhere: README, docs, and examples to read. */
function documents(): string[] {
  const docs = below(join(REPOSITORY, 'docs')).filter((path) => /\.(?:md|png)$/.test(path))
  const examples = below(join(REPOSITORY, 'examples')).filter((path) => !/^shop\/(?:tests\/|test$)/.test(path))
  return ['README.md', ...docs.map((path) => `docs/${path}`), ...examples.map((path) => `examples/${path}`)]
}

/** For editors: the files that `init` and `join` write name it in their first line. */
function schemaOf(daemon: string, schema: object): string {
  return `${JSON.stringify({ title: `${daemon}.yaml`, ...schema }, null, 2)}\n`
}

function packaged(path: string): Buffer {
  return readFileSync(join(PACKAGING, path))
}

/** Files below a directory, relative to it, sorted; none when there is no such directory. */
function below(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
      .sort()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

function zipped(text: string): Buffer {
  return gzipSync(text, { level: 9 })
}

function file(path: string, contents: string | Uint8Array, isExecutable = false): PackageFile {
  return { path, isExecutable, contents: Buffer.from(contents) }
}
