/** The command line of a daemon: what its program is called, and the verb `run`, from the configuration to the end. */
import { Command } from 'commander'
import { keepCompiledCode } from '../machine/compiled-code.ts'
import { errorMessage } from '../machine/failure.ts'
import type { Terminal } from './command-line.ts'
import type { Logger } from './logger.ts'
import { VERSION } from './version.ts'

export interface RunningDaemon<Config> {
  /** @throws Failure */
  start(): Promise<void>
  /** One after the other, and after the start; never rejects. */
  reload(config: Config): Promise<void>
  close(): Promise<void>
  /** One line, for people. */
  readonly summary: string
}

/** A program without verbs, which ends and talks as `runCommand` wants it. */
export function newProgram(name: string, description: string, terminal: Terminal): Command {
  return new Command(name)
    .description(description)
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.say })
}

export function addVersionCommand(program: Command, terminal: Terminal): void {
  program
    .command('version')
    .description('print the version')
    .action(() => terminal.out(`${VERSION}\n`))
}

/**
 * Runs a daemon until it is told to stop. Nothing is waited for before HUP has its answer: a change of the file is read
 * now, or by a reload.
 */
export async function runDaemon<Config>(
  terminal: Terminal,
  log: Logger,
  read: () => Config,
  make: (config: Config) => RunningDaemon<Config>,
): Promise<void> {
  const daemon = make(read())
  const started = daemon.start()
  const stopped = terminal.stopSignal((signal) => {
    terminal.service.stopping()
    log.info({ signal }, 'stopping')
  })
  terminal.onHangup(() => {
    try {
      void daemon.reload(read())
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'the new configuration is bad, the old one stays in force')
    }
  })
  await started
  keepCompiledCode()
  terminal.service.up(() => daemon.summary)
  await stopped
  await daemon.close()
}
