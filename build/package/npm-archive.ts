/**
 * The .tgz of one daemon for npm: its bundle, a command, its manual pages and licences. It depends on nothing, so
 * `npm install -g FILE` fetches nothing.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import type { DaemonName } from '../programs.ts'
import { manPages } from './contents.ts'
import { licencesOf } from './licences.ts'
import type { Release } from './release.ts'

/**
 * The oldest version that the sources run on: `node:sqlite` and zstd in `node:zlib` have their present form since then.
 */
const OLDEST = { major: 24, minor: 15 }

const ABOUT = {
  agent: 'Watches a docroot and feeds its changes to any number of receivers',
  receiver: 'Keeps a docroot identical to the one an agent serves',
} as const

/** @returns the file, in `directory` */
export async function buildNpmArchive(daemon: DaemonName, release: Release, directory: string): Promise<string> {
  const { version, date } = release
  const name = `rootferry-${daemon}`
  const licences = licencesOf(release.bundles[daemon].inputs, null)
  const pages = manPages(release)
    .filter(({ path }) => path.includes(`/${name}.`))
    .map(({ path, contents }) => ({ path: `man/${path}`, contents }))
  const manifest = {
    name,
    version,
    description: ABOUT[daemon],
    license: 'MIT',
    type: 'module',
    os: ['linux'],
    engines: { node: `>=${OLDEST.major}.${OLDEST.minor}` },
    bin: { [name]: `bin/${name}` },
    man: pages.map(({ path }) => path),
  }
  const entries: { path: string; contents: string | Uint8Array; mode: number }[] = [
    { path: 'package.json', contents: `${JSON.stringify(manifest, null, 2)}\n`, mode: 0o644 },
    { path: `bin/${name}`, contents: launcher(name), mode: 0o755 },
    { path: 'LICENSE', contents: licences.summary, mode: 0o644 },
    { path: 'third-party.txt', contents: licences.texts, mode: 0o644 },
    ...release.bundles[daemon].files.map(({ path, contents }) => ({ path: `bundle/${path}`, contents, mode: 0o644 })),
    ...pages.map(({ path, contents }) => ({ path, contents, mode: 0o644 })),
  ]
  const archive = pack()
  const parts: Buffer[] = []
  const collected = pipeline(
    archive,
    new Writable({
      write: (part: Buffer, _encoding, done) => {
        parts.push(part)
        done()
      },
    }),
  )
  for (const { path, contents, mode } of entries)
    archive.entry({ name: `package/${path}`, mode, mtime: date }, Buffer.from(contents))
  archive.finalize()
  await collected
  const file = join(directory, `${name}-${version}.tgz`)
  writeFileSync(file, gzipSync(Buffer.concat(parts), { level: 9 }))
  return file
}

/** npm only warns of a Node that is too old, and such a Node knows neither the option nor the syntax. */
function launcher(name: string): string {
  const { major, minor } = OLDEST
  return `#!/bin/sh
version=$(node --version) || exit
IFS=. read -r major minor rest <<END
\${version#v}
END
if [ "$major" -lt ${major} ] || { [ "$major" -eq ${major} ] && [ "$minor" -lt ${minor} ]; }; then
    echo "${name}: Node ${major}.${minor} or newer is needed; $(command -v node) is $version" >&2
    exit 1
fi
exec node --disable-sigusr1 "$(dirname "$(readlink -f "$0")")/../bundle/main.js" "$@"
`
}
