/** The verb `nats-user`: who the agent is to the NATS server that keeps its logs. */
import type { Terminal } from '@rootferry/host/daemon'
import type { Command } from 'commander'

export function addNatsUserCommand(program: Command, terminal: Terminal): void {
  program
    .command('nats-user')
    .description('make a NATS user for this agent, with the least that it needs, and print its seed')
    .addHelpText('after', NATS_USER_HELP)
    .action(async () => {
      const { agentUser } = await import('@rootferry/nats')
      const { seed, line } = agentUser()
      terminal.out(`${seed}\n`)
      terminal.say(`For authorization { users: [ … ] } of the NATS server:\n${line}\n`)
    })
}

const NATS_USER_HELP = `
The seed is for the file that transport.nats.credentialsFile names; stderr has the line for the configuration of the server.
Nothing is kept: made again, it is another user. For receivers: rootferry-agent token create NAME --nats

Example:
  (umask 077 && rootferry-agent nats-user > /etc/rootferry/nats.seed)`
