/**
 * What the command lines of both daemons share: the terminal they talk to, and how a command ends.
 *
 * The process is an argument, so that only a `main.ts` touches it.
 */
import { fstatSync, readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { type Command, CommanderError, Option } from 'commander'
import { EXIT, errorCode, errorMessage, Failure, plainMessage } from '../machine/failure.ts'
import { inOneLine } from './in-one-line.ts'
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from './logger.ts'
import { ServiceManager } from './service-manager.ts'

const REFUSALS = new Set(['EACCES', 'EPERM'])

export interface Terminal {
  /** Data, on stdout. */
  out(text: string): void
  /** Messages to the person, on stderr. */
  say(text: string): void
  /** All of stdin. */
  input(): Promise<string>
  /** Whether stdout is a terminal that wants colours. */
  colour: boolean
  /** Whether stdout is the journal of systemd. */
  isJournal: boolean
  /** Whether stdout is a terminal. */
  isInteractive: boolean
  /** Columns of stdout; Infinity when stdout is not a terminal. */
  width: number
  /** Whether stderr is a terminal, where a line can be overwritten. */
  isTerminal: boolean
  columns(): number
  rows(): number
  /** Sets the exit code of a command that throws nothing; otherwise it is 0. */
  endWith(exitCode: number): void
  /**
   * Resolves at the first TERM or INT; a second one ends the process at once. `note` is called with the signal's name.
   */
  stopSignal(note: (signal: NodeJS.Signals) => void): Promise<void>
  /** Resolves when nobody reads stdout any more, as behind `| head`. */
  unread: Promise<void>
  /** Whether the keys of a terminal interrupt this process and all that it starts, so that INT need not be passed on. */
  isForeground(): boolean
  onHangup(handler: () => void): void
  /** Whatever started this process as a service. */
  service: ServiceManager
}

export interface LogOptions {
  logFormat: LogFormat
  logLevel: LogLevel
}

/** The options of `run` that say how the daemon logs. */
export function withLogOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--log-format <format>', 'how to log; auto: for people on a terminal, and else JSON')
        .choices(LOG_FORMATS)
        .default('auto'),
    )
    .addOption(new Option('--log-level <level>', 'the least that is logged').choices(LOG_LEVELS).default('info'))
}

/** Runs a command to its end and exits: 0, or the failure's code with one line on stderr. */
export async function runCommand(
  name: string,
  process: NodeJS.Process,
  command: (terminal: Terminal) => Command,
): Promise<never> {
  let exitCode: number = EXIT.ok
  process.title = titleOf(name, process.argv.slice(2))
  // Node would open its debugger to every user of this machine.
  process.on('SIGUSR1', () => undefined)
  const output = outputOf(process.stdout)
  process.stderr.on('error', () => undefined)
  try {
    await command(terminalOf(process, output, (code) => (exitCode = code))).parseAsync(process.argv)
  } catch (error) {
    if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
    else {
      exitCode = exitCodeOf(error)
      const lines = errorMessage(error).split('\n').map(inOneLine)
      process.stderr.write(`${name}: ${lines.join('\n')}\n`)
      if (!isToldInALine(error) && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    }
  }
  await written(process.stdout)
  const lost = output.fault()
  if (lost !== null) process.stderr.write(`${name}: stdout cannot be written: ${plainMessage(lost)}\n`)
  await written(process.stderr)
  process.exit(lost === null ? exitCode : EXIT.failed)
}

interface Output {
  write(text: string): void
  unread: Promise<void>
  /** Of what was written; the log of a daemon goes another way. */
  fault(): Error | null
}

/** Whether what was written arrives. A reader that has left wants no more, which is no fault. */
function outputOf(stream: NodeJS.WriteStream): Output {
  const { promise: unread, resolve } = Promise.withResolvers<void>()
  let fault: Error | null = null
  stream.on('error', (error) => {
    if (errorCode(error) === 'EPIPE') resolve()
    else fault ??= error
  })
  let isUsed = false
  const write = (text: string) => {
    isUsed = true
    stream.write(text)
  }
  return { write, unread, fault: () => (isUsed ? fault : null) }
}

function exitCodeOf(error: unknown): number {
  const exitCode = error instanceof Failure ? error.exitCode : EXIT.failed
  return exitCode === EXIT.failed && isRefusal(error) ? EXIT.notPermitted : exitCode
}

/** Whether the system refused something to this user, however the error was told on. */
function isRefusal(error: unknown): boolean {
  if (REFUSALS.has(errorCode(error) ?? '')) return true
  return error instanceof Error && error.cause !== undefined && isRefusal(error.cause)
}

/** A failure says all; of what the system refused, as for want of room, the place in the code helps nobody. */
function isToldInALine(error: unknown): boolean {
  return error instanceof Failure || (error instanceof Error && 'syscall' in error)
}

/** A pipe takes what it has room for, and an exit would drop the rest. One that nobody reads any more needs nothing. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.write('', () => resolve())
  return promise
}

/** With its options for a daemon; of other verbs the name alone, because an invitation may follow. */
function titleOf(name: string, words: readonly string[]): string {
  return words[0] === 'run' ? [name, ...words].join(' ') : [name, ...words.slice(0, 1)].join(' ')
}

/** @param told JOURNAL_STREAM: device and inode of the journal, for whom stdout was not led elsewhere since */
function isJournal(told: string | undefined): boolean {
  if (told === undefined) return false
  const { dev, ino } = fstatSync(1, { bigint: true })
  return told === `${dev}:${ino}`
}

/** @param status proc(5): pid (command) state parent group session terminal, and the terminal's foreground group */
function isForeground(status: string): boolean {
  const [, , group, , , foreground] = status.slice(status.lastIndexOf(')') + 2).split(' ')
  return group === foreground
}

function terminalOf(process: NodeJS.Process, { write, unread }: Output, endWith: (exitCode: number) => void): Terminal {
  return {
    out: write,
    say: (text) => process.stderr.write(text),
    input: () => text(process.stdin),
    colour: process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '',
    isJournal: isJournal(process.env['JOURNAL_STREAM']),
    isInteractive: process.stdout.isTTY === true,
    width: process.stdout.isTTY === true ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY,
    isTerminal: process.stderr.isTTY === true,
    columns: () => process.stderr.columns || 80,
    rows: () => process.stderr.rows || 24,
    endWith,
    stopSignal: (note) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      let isStopping = false
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        process.on(signal, () => {
          if (isStopping) process.exit(EXIT.failed)
          isStopping = true
          note(signal)
          resolve()
        })
      }
      return promise
    },
    unread,
    isForeground: () => isForeground(readFileSync('/proc/self/stat', 'utf8')),
    onHangup: (handler) => process.on('SIGHUP', handler),
    service: new ServiceManager(process.env, process.pid, (text) => process.stderr.write(text)),
  }
}
