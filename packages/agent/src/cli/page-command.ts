/** The verb `page`: a link to the operator page that signs in once. */
import { duration, type Terminal } from '@rootferry/host/daemon'
import type { Command } from 'commander'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { PageLink } from '../serve/schemas/access.ts'
import { AdminClient } from './admin-client.ts'

/** @param withConfig adds the option that names the configuration file */
export function addPageCommand(
  program: Command,
  withConfig: (command: Command) => Command,
  terminal: Terminal,
  environmentToken: string | undefined,
): void {
  withConfig(program.command('page').description('print a link that signs in to the operator page once'))
    .addHelpText('after', PAGE_HELP)
    .action(async ({ config }: { config: string }) => {
      const client = new AdminClient(readAgentConfig(config), environmentToken)
      const { path, expiresSeconds } = await client.post('/v1/page-links', null, PageLink)
      const { origin, port } = new URL(client.url)
      terminal.out(`${origin}${path}\n`)
      terminal.say(
        `It works once, within ${duration(expiresSeconds)}. From another machine: ssh -L ${port}:${new URL(client.url).host} THIS-HOST\n`,
      )
    })
}

const PAGE_HELP = `
The link works once. Whoever has an admin token can also sign in with it; a token of --admin=read may look only.`
