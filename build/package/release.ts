/**
 * A release: its version, its date, its changes, and the bundles of both daemons.
 *
 * The time in archives is SOURCE_DATE_EPOCH if it is set, else the day that CHANGELOG.md has for the version, else a
 * fixed day: never the clock, so that the same checkout makes the same bytes.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bundle, bundle } from '../bundle.ts'
import { type DaemonName, REPOSITORY } from '../programs.ts'
import { versionOfCheckout } from '../version.ts'

export interface Release {
  version: string
  date: Date
  /** In Debian's form. */
  changelog: string
  bundles: Readonly<Record<DaemonName, Bundle>>
}

export const MAINTAINER = 'The Rootferry authors <rootferry@packages.invalid>'
const UNRELEASED_DAY = '2026-01-01'

/** @param epoch SOURCE_DATE_EPOCH, seconds. @throws Error when CHANGELOG.md has no section for the version */
export async function readRelease(version: string, epoch: string | undefined): Promise<Release> {
  const { day, changes } = changesOf(readFileSync(join(REPOSITORY, 'CHANGELOG.md'), 'utf8'), versionOfCheckout())
  const date = epoch === undefined ? new Date(`${day ?? UNRELEASED_DAY}T00:00:00Z`) : new Date(Number(epoch) * 1_000)
  return {
    version,
    date,
    changelog: debianChangelog(version, changes, date),
    bundles: { agent: await bundle('agent', version), receiver: await bundle('receiver', version) },
  }
}

/** The entries of a version in a text in the form of Keep a Changelog; `day` is null before its release. */
export function changesOf(changelog: string, version: string): { day: string | null; changes: string[] } {
  const sections = changelog.split(/^## /m).slice(1)
  const of = (title: string) => sections.find((text) => /^\[?([\w.+-]+)/.exec(text)?.[1] === title)
  const section = of(version) ?? of('Unreleased')
  if (section === undefined) throw new Error(`CHANGELOG.md has no section '## [${version}]', nor '## [Unreleased]'`)
  const day = /^\S+ [^\n]*?(\d{4}-\d\d-\d\d)/.exec(section)?.[1] ?? null
  const changes = section.split(/^- /m).slice(1)
  return { day, changes: changes.map((change) => (change.split(/\n(?! {2})/)[0] ?? '').replaceAll(/\s+/g, ' ').trim()) }
}

function debianChangelog(version: string, changes: readonly string[], date: Date): string {
  const entries = changes.map((change) => `  * ${wrapped(change, 74).join('\n    ')}\n`).join('')
  const when = date.toUTCString().replace('GMT', '+0000')
  return `rootferry (${version}) stable; urgency=medium\n\n${entries}\n -- ${MAINTAINER}  ${when}\n`
}

function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
