/**
 * The .rpm, from the same files as the .deb, if `rpmbuild` is installed. Debian has it, so one machine makes both.
 *
 * The .rpm is built here, and was installed and erased with `rpm --root` in a root of Debian; never on a host of its own.
 */
import { execFile, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EMPTY_DIRECTORIES, type PackageFile } from './contents.ts'
import { layOut } from './deb.ts'
import { type Needs, needsOf } from './elf.ts'
import { MAINTAINER, type Release } from './release.ts'
import type { Architecture } from './runtime.ts'

const MACHINES: Readonly<Record<Architecture, string>> = { amd64: 'x86_64', arm64: 'aarch64' }
/** Programs are packed unchanged. */
const MACROS: Readonly<Record<string, string>> = {
  debug_package: '%{nil}',
  __os_install_post: '%{nil}',
  _build_id_links: 'none',
  _buildhost: 'rootferry',
  use_source_date_epoch_as_buildtime: '1',
  clamp_mtime_to_source_date_epoch: '1',
}

/** As in the .deb. */
const SMALL = 'w6.xzdio'
const WHOLE = 'w.ufdio'

export function canBuildRpm(): boolean {
  return spawnSync('rpmbuild', ['--version'], { stdio: 'ignore' }).status === 0
}

/** @returns the file, in `directory` */
export async function buildRpm(
  files: readonly PackageFile[],
  architecture: Architecture,
  release: Release,
  isCompressed: boolean,
  directory: string,
): Promise<string> {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-rpm-'))
  const machine = MACHINES[architecture]
  const kept = files.filter(({ path }) => !path.startsWith('usr/share/lintian/'))
  try {
    mkdirSync(join(place, 'root'))
    layOut(join(place, 'root'), kept)
    const spec = join(place, 'rootferry.spec')
    writeFileSync(spec, specText(kept, release, join(place, 'root')))
    const macros = { ...MACROS, _binary_payload: isCompressed ? SMALL : WHOLE, _topdir: join(place, 'top') }
    const defined = Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`])
    await promisify(execFile)('rpmbuild', ['-bb', '--quiet', '--target', `${machine}-linux`, ...defined, spec], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(release.date.getTime() / 1_000) },
    })
    const made = join(place, 'top/RPMS', machine)
    const [name = ''] = readdirSync(made)
    copyFileSync(join(made, name), join(directory, name))
    return join(directory, name)
  } finally {
    rmSync(place, { recursive: true })
  }
}

function specText(files: readonly PackageFile[], release: Release, root: string): string {
  const node = files.find(({ path }) => path === 'usr/lib/rootferry/node')
  if (node === undefined) throw new Error('the package has no runtime')
  const days = new Intl.DateTimeFormat('en-GB', { weekday: 'short', month: 'short', day: '2-digit', year: 'numeric' })
  const part = Object.fromEntries(days.formatToParts(release.date).map(({ type, value }) => [type, value]))
  return `Name: rootferry
Version: ${release.version.replaceAll('-', '~')}
Release: 1
Summary: Keeps the docroots of many web servers identical to one
License: MIT
AutoReqProv: no
${rpmRequires(needsOf(node.contents))
  .map((need) => `Requires: ${need}`)
  .join('\n')}

%description
An agent on the admin server watches a docroot and streams what changed to a receiver on every app server, which verifies
it and makes it visible in one step, within milliseconds of every change. The package holds both daemons, and the Node.js
runtime that they run on.

%install
cp -a ${root}/. %{buildroot}

%post
if [ -d /run/systemd/system ]; then
    /usr/lib/systemd/systemd-sysctl --prefix=/fs/inotify || :
    systemctl daemon-reload || :
    systemctl try-restart rootferry-agent.service rootferry-receiver.service || :
fi

%preun
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now rootferry-agent.service rootferry-receiver.service || :
fi

%postun
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi

%files
%defattr(-,root,root)
${EMPTY_DIRECTORIES.map((path) => `%dir /${path}`).join('\n')}
${ownDirectories(files.map(({ path }) => path))
  .map((path) => `%dir /${path}`)
  .join('\n')}
${files.map(({ path }) => `/${path}`).join('\n')}

%changelog
* ${part['weekday']} ${part['month']} ${part['day']} ${part['year']} ${MAINTAINER} - ${release.version.replaceAll('-', '~')}-1
- See /usr/share/doc/rootferry/changelog.gz
`
}

/** Directories that no other package has: they go with this one. */
function ownDirectories(paths: readonly string[]): string[] {
  const above = paths.flatMap((path) => {
    const names = path.split('/')
    return names.slice(1).map((_, count) => names.slice(0, count + 1).join('/'))
  })
  return [...new Set(above)].filter((path) => /(?:^|\/)rootferry(?:\/|$)/.test(path) && !path.startsWith('etc/')).sort()
}

/** Libraries and versions of symbols, as rpm itself would find them. */
function rpmRequires({ libraries, versions }: Needs): string[] {
  return libraries.flatMap((library) => [
    `${library}()(64bit)`,
    ...(versions.get(library) ?? []).map((version) => `${library}(${version})(64bit)`),
  ])
}
