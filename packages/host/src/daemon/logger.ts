/**
 * The daemons' logger: pino JSON lines on stdout, or coloured lines for a person.
 *
 * Where stdout is the journal of systemd, each line begins with its priority, `<4>` for a warning. The journal takes that
 * off and keeps it, so that `journalctl -p warning` finds what it should.
 */
import { type Logger, pino, symbols } from 'pino'
import { printable } from '../machine/printable.ts'
import { LogOutput } from './log-output.ts'

export type { Logger } from 'pino'
/** auto: pretty on a terminal, else JSON. */
export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** From the level that logs most to the level that logs least. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What the logger asks about stdout. */
export interface LogStyle {
  /** Has an effect on `pretty` only. */
  colour: boolean
  isJournal: boolean
  /** Whether a person reads the lines as they come. */
  isInteractive: boolean
}

export function createLogger(
  name: string,
  format: LogFormat,
  level: LogLevel,
  { colour, isJournal, isInteractive }: LogStyle,
): Logger {
  const isPretty = format === 'pretty' || (format === 'auto' && isInteractive)
  const options = {
    name,
    level,
    base: { name },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const output = new LogOutput()
  const target = {
    [symbols.needsMetadataGsym]: true,
    lastLevel: 0,
    write(line: string) {
      const text = isPretty ? prettyLine(line, colour) : line
      const lost = output.write(isJournal ? `<${priorityOf(this.lastLevel)}>${text}` : text)
      if (lost > 0) logger.warn({ lines: lost }, 'log lines before this one could not be written')
    },
  }
  const logger = pino(options, target)
  return logger
}

/** As syslog numbers them, from pino's numbers. */
function priorityOf(level: number): number {
  if (level >= 60) return 2
  if (level >= 50) return 3
  if (level >= 40) return 4
  return level >= 30 ? 6 : 7
}

const COLOURS: Record<string, string> = { warn: '\u001b[33m', error: '\u001b[31m', fatal: '\u001b[31;1m' }

function prettyLine(json: string, colour: boolean): string {
  const { level, time, name, msg, ...rest } = JSON.parse(json) as Record<string, unknown>
  const details = Object.entries(rest).map(([key, value]) => ` ${key}=${printable(stringify(value))}`)
  const line = `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${String(name)}: ${String(msg)}${details.join('')}`
  const paint = colour ? COLOURS[String(level)] : undefined
  return paint === undefined ? `${line}\n` : `${paint}${line}\u001b[0m\n`
}

function stringify(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
