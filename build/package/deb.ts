/**
 * The .deb: the files of `contents.ts` with the metadata that dpkg needs. `dpkg-deb`, which every Debian has, builds
 * it; times and owners are fixed, so that every machine builds the same bytes.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { REPOSITORY } from '../programs.ts'
import { EMPTY_DIRECTORIES, type PackageFile } from './contents.ts'
import { debianDepends } from './depends.ts'
import { needsOf } from './elf.ts'
import { MAINTAINER, type Release } from './release.ts'
import type { Architecture } from './runtime.ts'

/** Debian's archive does not accept zstd, and apt downloads this file: xz is a tenth smaller. */
const SMALL = ['-Zxz', '-z6']
const WHOLE = ['-Znone']
const SCRIPTS = join(REPOSITORY, 'packaging/debian')

/** @returns the file, in `directory` */
export async function buildDeb(
  files: readonly PackageFile[],
  architecture: Architecture,
  { version, date }: Release,
  isCompressed: boolean,
  directory: string,
): Promise<string> {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-deb-'))
  try {
    layOut(place, files)
    const control = join(place, 'DEBIAN')
    putFile(control, 'control', controlText(files, architecture, version), 0o644)
    putFile(control, 'md5sums', files.map(({ path, contents }) => `${md5(contents)}  ${path}\n`).join(''), 0o644)
    for (const script of readdirSync(SCRIPTS)) putFile(control, script, readFileSync(join(SCRIPTS, script)), 0o755)
    chmodSync(control, 0o755)
    const file = join(directory, `rootferry_${version}_${architecture}.deb`)
    const compression = isCompressed ? SMALL : WHOLE
    await promisify(execFile)('dpkg-deb', ['--root-owner-group', ...compression, '--build', place, file], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(date.getTime() / 1_000) },
    })
    return file
  } finally {
    rmSync(place, { recursive: true })
  }
}

/** Writes files and directories as they will be on a host, with modes that do not depend on the umask. */
export function layOut(place: string, files: readonly PackageFile[]): void {
  for (const { path, isExecutable, contents } of files) putFile(place, path, contents, isExecutable ? 0o755 : 0o644)
  for (const path of EMPTY_DIRECTORIES) mkdirSync(join(place, path), { recursive: true })
  chmodSync(place, 0o755)
  for (const entry of readdirSync(place, { recursive: true, withFileTypes: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755)
}

function putFile(place: string, path: string, contents: string | Buffer, mode: number): void {
  const file = join(place, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, contents)
  chmodSync(file, mode)
}

function controlText(files: readonly PackageFile[], architecture: Architecture, version: string): string {
  const node = files.find(({ path }) => path === 'usr/lib/rootferry/node')
  if (node === undefined) throw new Error('the package has no runtime')
  const kilobytes = files.reduce((sum, { contents }) => sum + Math.ceil(contents.length / 1_024), 0)
  return `Package: rootferry
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${kilobytes}
Depends: ${debianDepends(needsOf(node.contents)).join(', ')}
Section: net
Priority: optional
Description: keeps the docroots of many web servers identical to one
 An agent on the admin server watches a docroot and streams what changed to a
 receiver on every app server, which verifies it and makes it visible in one
 step, within milliseconds of every change.
 .
 The package holds both daemons, and the Node.js runtime that they run on.
`
}

function md5(contents: Buffer): string {
  return createHash('md5').update(contents).digest('hex')
}
