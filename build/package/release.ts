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
const UNRELEASED = 'Unreleased'
const UNRELEASED_DAY = '2026-01-01'

/** @param epoch SOURCE_DATE_EPOCH, seconds. @throws Error when CHANGELOG.md has no entries for the version */
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

/**
 * The entries of a version in a text in the form of Keep a Changelog: of its section; before its release, when `day` is null,
 * those that are unreleased.
 */
export function changesOf(changelog: string, version: string): { day: string | null; changes: string[] } {
  const section = sectionOf(changelog, version)
  const changes = entriesOf(section ?? sectionOf(changelog, UNRELEASED))
  if (changes.length === 0) {
    throw new Error(`CHANGELOG.md has no entries for ${version}: write them below '## [${UNRELEASED}]'`)
  }
  return { day: /^\S+ [^\n]*?(\d{4}-\d\d-\d\d)/.exec(section ?? '')?.[1] ?? null, changes }
}

export function unreleasedChanges(changelog: string): string[] {
  return entriesOf(sectionOf(changelog, UNRELEASED))
}

/** From its title on. */
function sectionOf(changelog: string, title: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1)
  return sections.find((text) => /^\[?([\w.+-]+)/.exec(text)?.[1] === title)
}

function entriesOf(section = ''): string[] {
  const entries = section.split(/^- /m).slice(1)
  return entries.map((entry) => (entry.split(/\n(?! {2})/)[0] ?? '').replaceAll(/\s+/g, ' ').trim())
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
