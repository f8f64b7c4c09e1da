/** The verb `changes`: what was sent when, and who has committed it. */
import { setTimeout as delay } from 'node:timers/promises'
import { count, type Row, size, type Terminal, table } from '@rootferry/host/daemon'
import { EXIT, Failure, printable } from '@rootferry/host/machine'
import { type Command, InvalidArgumentError } from 'commander'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { Changes, type ChangesAnswer, MOST_CHANGES } from '../serve/schemas/changes.ts'
import { AdminClient } from './admin-client.ts'
import { typedPath } from './typed-path.ts'

interface ChangesOptions {
  config: string
  since?: number
  path?: string
  limit: number
  follow: boolean
  json: boolean
}

/** With the path as the API takes it; null: all. */
type Asked = Omit<ChangesOptions, 'path'> & { path: string | null }

const POLL_MS = 500
const MOST_NAMED = 3

/** @param withConfig adds the option that names the configuration file */
export function addChangesCommand(
  program: Command,
  withConfig: (command: Command) => Command,
  terminal: Terminal,
  environmentToken: string | undefined,
): void {
  withConfig(program.command('changes [root]').description('show what was sent, and which receivers have it'))
    .option('--since <sequence>', 'the first changes after this sequence, instead of the last ones', whole)
    .option('--path <path>', 'only this path of the root and everything below it')
    .option('--limit <number>', `at most so many changes, up to ${count(MOST_CHANGES)}`, whole, 100)
    .option('--follow', 'go on, and show changes as they come', false)
    .option('--json', 'print the answer of GET /v1/roots/ROOT/changes; with --follow one a line', false)
    .addHelpText('after', CHANGES_HELP)
    .action(async (root: string | undefined, options: ChangesOptions) => {
      if (options.limit < 1 || options.limit > MOST_CHANGES)
        throw new Failure(EXIT.usage, `--limit ${options.limit}: 1 to ${MOST_CHANGES} is accepted`)
      const config = readAgentConfig(options.config)
      const served = config.roots.map((each) => each.path)
      const path = options.path === undefined ? null : typedPath(options.path, served)
      const client = new AdminClient(config, environmentToken)
      await show(client, rootOf(root, options.config), { ...options, path }, terminal)
    })
}

const CHANGES_HELP = `
Examples:
  rootferry-agent changes shop --path media/wysiwyg    the last changes there
  rootferry-agent changes --follow                     as they come

They come from the agent's index, in which a path is once, with its latest change: what a path was before is not kept.
CHANGED says what of the path that change has changed: content, mode, owner, acl, xattr and so on.
BY names the receivers that have the change; the root may be left out where there is one.`

async function show(client: AdminClient, root: string, options: Asked, terminal: Terminal): Promise<void> {
  const { path, limit, follow, json } = options
  const ask = (since: number | undefined) => {
    const query = new URLSearchParams({ limit: String(limit) })
    if (since !== undefined) query.set('since', String(since))
    if (path !== null) query.set('path', path)
    return client.get(`/v1/roots/${encodeURIComponent(root)}/changes?${query}`, Changes)
  }
  let answer = await ask(options.since)
  if (!follow) {
    if (json) return terminal.out(`${JSON.stringify(answer, null, 2)}\n`)
    return answer.changes.length === 0 ? terminal.say('no changes\n') : terminal.out(changesReport(answer, terminal))
  }
  let isOver = false
  void terminal.stopSignal(() => (isOver = true))
  void terminal.unread.then(() => (isOver = true))
  while (!isOver) {
    if (answer.changes.length > 0) terminal.out(json ? `${JSON.stringify(answer)}\n` : changesReport(answer, terminal))
    if (answer.changes.length < limit) await delay(POLL_MS)
    answer = await ask(answer.next)
  }
}

/** The only root, where none is named. @throws Failure */
function rootOf(given: string | undefined, config: string): string {
  if (given !== undefined) return given
  const names = readAgentConfig(config).roots.map(({ name }) => name)
  const [only, ...others] = names
  if (only !== undefined && others.length === 0) return only
  throw new Failure(EXIT.usage, `say which root: ${names.join(', ')}`)
}

export function changesReport(answer: ChangesAnswer, page: Pick<Terminal, 'colour' | 'width'>): string {
  const rows = answer.changes.map(({ sequence, time, kind, changed, bytes, path }): Row => {
    return {
      cells: [
        { text: String(sequence), right: true },
        { text: time ?? '-' },
        { text: kind },
        { text: changed.length === 0 ? '-' : changed.join(',') },
        { text: bytes === 0 ? '-' : size(bytes), right: true },
        { text: haveIt(answer.receivers, sequence) },
        { text: path },
      ],
    }
  })
  return table(['SEQUENCE', 'TIME', 'KIND', 'CHANGED', 'SIZE', 'BY', 'PATH'], rows, page)
}

function haveIt(receivers: ChangesAnswer['receivers'], sequence: number): string {
  const names = receivers.filter((receiver) => receiver.sequence >= sequence).map(({ name }) => printable(name))
  if (names.length === 0) return receivers.length === 0 ? '-' : 'none'
  if (names.length === receivers.length && names.length > 1) return `all ${count(names.length)}`
  const more = names.length - MOST_NAMED
  return `${names.slice(0, MOST_NAMED).join(',')}${more > 0 ? ` and ${count(more)} more` : ''}`
}

function whole(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A whole number is expected.')
}
