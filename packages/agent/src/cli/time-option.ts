/** A length of time as an option of a verb takes it: 90, 90s, 15m, 2h or 1d. Pure. */
import { InvalidArgumentError, Option } from 'commander'

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** @returns a parser of seconds. @param mostDays the longest time that makes sense */
export function secondsUpTo(mostDays: number): (text: string) => number {
  return (text) => {
    const [, number, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? []
    const value = Number(number) * (UNITS[unit] ?? 1)
    if (!Number.isNaN(value) && value <= mostDays * 86_400) return value
    throw new InvalidArgumentError(`A time of at most ${mostDays} days is expected, as 90s, 15m, 2h or 1d.`)
  }
}

/** An option whose help tells its default as a person would type it. @param fallback as `15m` */
export function timeOption(
  flags: string,
  description: string,
  parse: (text: string) => number,
  fallback: string,
): Option {
  return new Option(flags, description).argParser(parse).default(parse(fallback), fallback)
}
