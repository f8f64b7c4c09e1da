/** The verb `resync`: order one, wait for it, list them, cancel one. */
import type { Terminal } from '@rootferry/host/daemon'
import { EXIT, printable } from '@rootferry/host/machine'
import { type Command, Option } from 'commander'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { Resync, ResyncList } from '../serve/schemas/resyncs.ts'
import { AdminClient } from './admin-client.ts'
import { followed } from './follow-resync.ts'
import { resyncExitCode, resyncReport, resyncsReport } from './resync-report.ts'
import { secondsUpTo } from './time-option.ts'
import { typedPath } from './typed-path.ts'

interface ResyncOptions {
  config: string
  root?: string
  receiver: string[]
  path: string[]
  check: 'metadata' | 'content'
  dryRun: boolean
  wait: boolean
  timeout?: number
  json: boolean
}

/** @param withConfig adds the option that names the configuration file */
export function addResyncVerbs(
  program: Command,
  withConfig: (command: Command) => Command,
  terminal: Terminal,
  environmentToken: string | undefined,
): void {
  const client = (file: string) => new AdminClient(readAgentConfig(file), environmentToken)
  const collect = (value: string, before: string[]) => [...before, value]
  const verb = withConfig(
    program.command('resync').description('compare receivers with the agent, and repair what differs'),
  )
    .option('--root <root>', 'only this root')
    .option('--receiver <name>', 'only this receiver; repeatable', collect, [])
    .option('--path <path>', 'only this path of the root and everything below it; repeatable', collect, [])
    .addOption(new Option('--check <what>', 'what is compared').choices(['metadata', 'content']).default('metadata'))
    .option('--dry-run', 'compare, and change nothing', false)
    .option('--wait', 'wait until it is over, and show what was found', false)
    .option('--timeout <time>', 'with --wait: for that long at most, also for receivers that are away', secondsUpTo(30))
    .option('--json', 'print the resync as the API returns it', false)
    .addHelpText('after', RESYNC_HELP)
    .action((options: ResyncOptions, command: Command) => {
      if (options.timeout !== undefined && !options.wait) command.error('error: --timeout goes with --wait')
      return resync(client(options.config), options, terminal)
    })

  // An option that `resync` has too is read by `resync`, wherever it stands.
  const below = (command: Command) => withConfig(command).option('--json', 'print the answer of the API', false)
  const given = (command: Command) => command.optsWithGlobals<{ config: string; json: boolean }>()
  below(verb.command('list').description('list the resyncs of this life of the agent, newest first')).action(
    async (_options: object, command: Command) => {
      const { config, json } = given(command)
      const list = await client(config).get('/v1/resyncs', ResyncList)
      if (json) terminal.out(document(list))
      else if (list.resyncs.length === 0) terminal.say('no resync was ordered in this life of the agent\n')
      else terminal.out(resyncsReport(list.resyncs, terminal))
    },
  )
  below(verb.command('cancel <id>').description('end a resync early; what it has repaired stays repaired')).action(
    async (id: string, _options: object, command: Command) => {
      const { config, json } = given(command)
      const cancelled = await client(config).delete(`/v1/resyncs/${encodeURIComponent(id)}`, Resync)
      if (json) terminal.out(document(cancelled))
      const isOver = cancelled.state === 'done' || cancelled.state === 'failed'
      terminal.say(`resync ${printable(id)} ${isOver ? `was over already: ${cancelled.state}` : 'is cancelled'}\n`)
    },
  )
}

const RESYNC_HELP = `
Examples:
  rootferry-agent resync --dry-run --wait              what differs, anywhere?
  rootferry-agent resync --check content --wait        read every byte on both sides, and repair
  rootferry-agent resync --receiver web2 --path media  one directory of one receiver

Without --wait it prints the id of the resync: resync list tells how far it is.
With --wait it ends with 0 when nothing differed, 1 when it failed, and 3 when anything differed (repaired or not), or
when receivers are named that it does not wait for: those that are away or cannot commit, or whose root is held or halted,
once all others are done, and after --timeout all that are not done. The resync itself continues: they are compared when
they are back, or the root is released.`

async function resync(client: AdminClient, options: ResyncOptions, terminal: Terminal): Promise<void> {
  const { root = null, receiver: receivers, check, dryRun, timeout } = options
  const served = readAgentConfig(options.config).roots.map((each) => each.path)
  const paths = options.path.map((path) => typedPath(path, served))
  const order = { root, receivers, paths, check, dryRun }
  const ordered = await client.post('/v1/resyncs', order, Resync)
  if (!options.wait) {
    terminal.out(options.json ? document(ordered) : `${ordered.id}\n`)
    return
  }
  terminal.say(`resync ${ordered.id}; it continues when this command is interrupted\n`)
  const timeoutMs = timeout === undefined ? null : timeout * 1_000
  const { resync: last, waited } = await followed(client, ordered, { isWhole: paths.length === 0, timeoutMs }, terminal)
  terminal.out(options.json ? document(last) : resyncReport(last, terminal))
  if (waited.length === 0) return terminal.endWith(resyncExitCode(last))
  const names = waited.map(({ name, why }) => `${printable(name)} (${why})`)
  terminal.say(`not waited for: ${names.join(', ')}\n`)
  terminal.endWith(EXIT.degraded)
}

function document(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
