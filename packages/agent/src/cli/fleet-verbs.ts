/** The verbs that ask the running agent: status and guard accept. */

import type { Terminal } from '@rootferry/host/daemon'
import { EXIT, printable } from '@rootferry/host/machine'
import type { Command } from 'commander'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { Accepted, Status } from '../serve/schemas/status.ts'
import { AdminClient } from './admin-client.ts'
import { isDegraded, statusReport } from './status-report.ts'
import { watchStatus } from './watch-status.ts'

const STATUS_HELP = `
Ends with 3 when a receiver is not live, owes a path or shares its token with another host; when a root is halted,
unavailable, or held for longer than planned, its log on NATS is not written, or a hook of it fails.`

/** @param withConfig adds the option that names the configuration file */
export function addFleetVerbs(
  program: Command,
  withConfig: (command: Command) => Command,
  terminal: Terminal,
  environmentToken: string | undefined,
): void {
  const client = (file: string) => new AdminClient(readAgentConfig(file), environmentToken)

  withConfig(program.command('status').description('show every root, and every receiver of it'))
    .option('--json', 'print the answer of GET /v1/status; with --watch one a line', false)
    .option('--watch', 'go on, and show what changes, until Ctrl-C', false)
    .addHelpText('after', STATUS_HELP)
    .action(async ({ config, json, watch }: { config: string; json: boolean; watch: boolean }) => {
      if (watch) return watchStatus(() => client(config), { json }, terminal)
      const status = await client(config).get('/v1/status', Status)
      terminal.out(json ? document(status) : statusReport(status, new Date(), terminal))
      if (isDegraded(status)) terminal.endWith(EXIT.degraded)
    })

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

function document(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
