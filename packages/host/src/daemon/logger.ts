/** The daemons' logger: pino JSON lines on stdout, or coloured lines for a person. */
import { writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { destination, type Logger, pino } from 'pino'
import { printable } from '../machine/printable.ts'

export type { Logger } from 'pino'
export type LogFormat = 'json' | 'pretty'

/** From the level that logs most to the level that logs least. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** @param colour has an effect on `pretty` only */
export function createLogger(name: string, format: LogFormat, level: LogLevel, colour: boolean): Logger {
  const options = {
    name,
    level,
    base: { name },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  // Synchronous writes, because the last words of a daemon that is about to exit matter most.
  return format === 'json' ? pino(options, destination({ dest: 1, sync: true })) : pino(options, prettyStream(colour))
}

const COLOURS: Record<string, string> = { warn: '\u001b[33m', error: '\u001b[31m', fatal: '\u001b[31;1m' }

function prettyStream(colour: boolean): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { level, time, name, msg, ...rest } = JSON.parse(chunk.toString()) as Record<string, unknown>
      const details = Object.entries(rest).map(([key, value]) => ` ${key}=${printable(stringify(value))}`)
      const line = `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${String(name)}: ${String(msg)}${details.join('')}`
      const paint = colour ? COLOURS[String(level)] : undefined
      writeSync(1, paint === undefined ? `${line}\n` : `${paint}${line}\u001b[0m\n`)
      done()
    },
  })
}

function stringify(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
