/** The `join` verb: its options, and the source of the invitation. */

import type { Terminal } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import type { Command } from 'commander'
import { joinAgent } from './join.ts'
import { renewJoin } from './renew.ts'

interface Options {
  config: string
  root: string[]
  protect: string[]
  owner?: string
  stateDir?: string
  health?: string
  cert?: string
  key?: string
  allowPlaintext: boolean
  force: boolean
  renew: boolean
  dryRun: boolean
}

export function addJoinCommand(program: Command, defaultConfig: string, terminal: Terminal): void {
  program
    .command('join <invitation>')
    .description("accept an invitation from 'rootferry-agent token create NAME --join', or '-' to read it from stdin")
    .option(
      '--root <name=directory>',
      'where a root goes; repeatable',
      (value, before: string[]) => [...before, value],
      [],
    )
    .option(
      '--protect <pattern>',
      'what is never touched in any of the roots; repeatable',
      (value, before: string[]) => [...before, value],
      [],
    )
    .option('--owner <owner>', 'who owns what arrives: preserve, keep, or USER:GROUP')
    .option('--config <file>', 'the configuration to write; the token goes into the same directory', defaultConfig)
    .option('--state-dir <directory>', 'stateDir of the new configuration')
    .option('--health <host:port>', 'health.listen of the new configuration')
    .option('--cert <file>', 'certificate of this host, for an agent that asks for one')
    .option('--key <file>', 'its key')
    .option('--allow-plaintext', 'accept an invitation without TLS that does not lead to this host', false)
    .option('--dry-run', 'say what the first join would replace and remove, and write nothing', false)
    .option(
      '--renew',
      'take the token and the certificate to pin into the configuration that is there, and nothing else',
      false,
    )
    .option('--force', 'overwrite a configuration and a token that are there', false)
    .action(async (invitation: string, options: Options, command: Command) => {
      const {
        config,
        root,
        protect,
        owner = null,
        stateDir = null,
        health = null,
        cert,
        key,
        allowPlaintext,
        force,
        dryRun,
      } = options
      if ((cert === undefined) !== (key === undefined)) throw new Failure(EXIT.usage, '--cert and --key go together')
      const certificate = cert === undefined || key === undefined ? null : { cert, key }
      const text = invitation === '-' ? await terminal.input() : invitation
      if (options.renew) {
        refuseOthers(command)
        return terminal.say(`${await renewJoin(text, config)}\n`)
      }
      const said = await joinAgent(text, {
        config,
        roots: root,
        protect,
        owner,
        stateDir,
        healthListen: health,
        certificate,
        allowPlaintext,
        force,
        dryRun,
        say: terminal.say,
      })
      if (dryRun) terminal.out(`${said}\n`)
      else terminal.say(`${said}\n`)
    })
}

/** @throws Failure (2): the configuration that is there says all of that */
function refuseOthers(command: Command): void {
  const other = command.options.find(
    (option) =>
      !['renew', 'config'].includes(option.attributeName()) &&
      command.getOptionValueSource(option.attributeName()) === 'cli',
  )
  if (other !== undefined)
    throw new Failure(EXIT.usage, `--renew keeps the configuration that is there: ${other.long} does not go with it`)
}
