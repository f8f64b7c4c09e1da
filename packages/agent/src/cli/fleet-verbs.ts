/** The verbs that ask the running agent: status, resync, guard accept. */

import type { Terminal } from '@rootferry/host/daemon'
import { EXIT, printable } from '@rootferry/host/machine'
import { type Command, Option } from 'commander'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { Accepted, Resync, Status } from '../serve/api-schemas.ts'
import { AdminClient } from './admin-client.ts'
import { followed } from './follow-resync.ts'
import { resyncExitCode, resyncReport } from './resync-report.ts'
import { isDegraded, statusReport } from './status-report.ts'

interface ResyncOptions {
  config: string
  root?: string
  receiver: string[]
  path: string[]
  check: 'metadata' | 'content'
  dryRun: boolean
  wait: boolean
  json: boolean
}

/** @param withConfig adds the option that names the configuration file */
export function addFleetVerbs(
  program: Command,
  withConfig: (command: Command) => Command,
  terminal: Terminal,
  environmentToken: string | undefined,
): void {
  const client = (file: string) => new AdminClient(readAgentConfig(file), environmentToken)

  withConfig(program.command('status').description('show every root, and every receiver of it'))
    .option('--json', 'print the answer of GET /v1/status', false)
    .addHelpText('after', '\nEnds with 3 when a receiver is not live, or a root is halted or unavailable.')
    .action(async ({ config, json }: { config: string; json: boolean }) => {
      const status = await client(config).get('/v1/status', Status)
      terminal.out(json ? document(status) : statusReport(status, new Date(), terminal))
      if (isDegraded(status)) terminal.endWith(EXIT.degraded)
    })

  const collect = (value: string, before: string[]) => [...before, value]
  withConfig(program.command('resync').description('compare receivers with the agent, and repair what differs'))
    .option('--root <root>', 'only this root')
    .option('--receiver <name>', 'only this receiver; repeatable', collect, [])
    .option('--path <path>', 'only this path of the root and everything below it; repeatable', collect, [])
    .addOption(new Option('--check <what>', 'what is compared').choices(['metadata', 'content']).default('metadata'))
    .option('--dry-run', 'compare, and change nothing', false)
    .option('--wait', 'wait until it is over, and show what was found', false)
    .option('--json', 'print the resync as the API returns it', false)
    .addHelpText('after', RESYNC_HELP)
    .action((options: ResyncOptions) => resync(client(options.config), options, terminal))

  withConfig(
    program
      .command('guard')
      .description('decide about a root that the guard has halted')
      .command('accept <root>')
      .description('let a halted root continue as it is, deletions included'),
  ).action(async (root: string, { config }: { config: string }) => {
    await client(config).post(`/v1/roots/${encodeURIComponent(root)}/guard/accept`, null, Accepted)
    terminal.say(`${printable(root)} continues\n`)
  })
}

const RESYNC_HELP = `
Examples:
  rootferry-agent resync --dry-run --wait              what differs, anywhere?
  rootferry-agent resync --check content --wait        read every byte on both sides, and repair
  rootferry-agent resync --receiver web2 --path media  one directory of one receiver

Without --wait it prints the id of the resync: GET /v1/resyncs/ID tells how far it is.
With --wait it ends with 0 when nothing differed, 3 when anything did (repaired or not), 1 when it failed.`

async function resync(client: AdminClient, options: ResyncOptions, terminal: Terminal): Promise<void> {
  const { root = null, receiver: receivers, check, dryRun } = options
  const paths = options.path.map(typedPath)
  const order = { root, receivers, paths, check, dryRun }
  const ordered = await client.post('/v1/resyncs', order, Resync)
  if (!options.wait) {
    terminal.out(options.json ? document(ordered) : `${ordered.id}\n`)
    return
  }
  terminal.say(`resync ${ordered.id}; it continues when this command is interrupted\n`)
  const over = await followed(client, ordered, paths.length === 0, terminal)
  terminal.out(options.json ? document(over) : resyncReport(over, terminal))
  terminal.endWith(resyncExitCode(over))
}

/** A path as shells complete it: `./media/` is `media`. */
function typedPath(path: string): string {
  return path.replace(/^(?:\.\/+)+(?=.)/, '').replace(/(?<=[^/])\/+$/, '')
}

function document(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
