/**
 * The products of `npm run package`, installed as far as possible without a host of its own: unpacked, run, upgraded.
 *
 * Packages are not compressed here, which changes no file in them, and that of the other architecture has a small program
 * in the place of its runtime; with ROOTFERRY_LONG=1 the runtime, and bundles of its own. Tests on whole hosts: `hosts.test.ts`.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { buildPackages } from '../../build/package/main.ts'
import { changesOf, type Release, readRelease, unreleasedChanges } from '../../build/package/release.ts'
import { type Architecture, type Runtime, runtimeFor } from '../../build/package/runtime.ts'
import { bundleOf, DAEMONS, isFresh, REPOSITORY } from '../../build/programs.ts'
import { versionOfCheckout } from '../../build/version.ts'
import { agentYaml } from '../../packages/agent/src/config/write-agent-yaml.ts'
import { receiverYaml } from '../../packages/receiver/src/cli/write-receiver-yaml.ts'
import { differences } from '../support/compare-trees.ts'
import { type Installed, PackageTrial } from './package-trial.ts'

const VERSION = versionOfCheckout()
const NEXT = VERSION.replace(/\d+$/, (patch) => String(Number(patch) + 1))
/** The bundles and the runtime are the same for both: one is unpacked and run. */
const HERE: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
const OTHER: Architecture = HERE === 'amd64' ? 'arm64' : 'amd64'

const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'

const place = mkdtempSync(join(tmpdir(), 'rootferry-packages-'))
const made = join(place, 'made')
const unpacked = join(place, 'unpacked')
const installed = program(unpacked)

let release: Release

before(async () => {
  release = await readRelease(VERSION, undefined)
  await build(made, [HERE, OTHER])
  execFileSync('dpkg-deb', ['-x', join(made, `rootferry_${VERSION}_${HERE}.deb`), unpacked])
})
after(() => rmSync(place, { recursive: true, force: true }))

async function build(directory: string, architectures: readonly Architecture[]): Promise<void> {
  const order = { architectures, version: VERSION, directory, isCompressed: false, epoch: undefined, withRpm: false }
  await buildPackages({ ...order, release, runtimeOf: (name) => runtimeOf(name) }, () => undefined)
}

async function runtimeOf(architecture: Architecture): Promise<Runtime> {
  if (architecture === HERE || IS_LONG) return await runtimeFor(architecture)
  return { node: readFileSync('/bin/true'), licence: 'any', version: '26.0.0' }
}

/** The programs of an unpacked .deb. Its launchers name the place where dpkg would put it, so they are left out. */
function program(root: string): Readonly<Record<(typeof DAEMONS)[number], Installed>> {
  const at = (daemon: string): Installed => [
    join(root, 'usr/lib/rootferry/node'),
    join(root, 'usr/lib/rootferry', daemon, 'main.js'),
  ]
  return { agent: at('agent'), receiver: at('receiver') }
}

function listed(file: string): { path: string; mode: string; owner: string }[] {
  const lines = execFileSync('dpkg-deb', ['-c', file], { encoding: 'utf8' }).trim().split('\n')
  return lines.map((line) => {
    const [mode = '', owner = '', , , , path = ''] = line.split(/\s+/)
    return { path: path.slice(1), mode, owner }
  })
}

test('the entries of a version are those of its section, or before its release those that are unreleased', () => {
  const released =
    '# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-30\n\n- One,\n  on two lines.\n- Two.\n\n## [1.1.0] - 2026-01-02\n\n- Old.\n'
  assert.deepEqual(changesOf(released, '1.2.0'), { day: '2026-11-30', changes: ['One, on two lines.', 'Two.'] })
  assert.deepEqual(changesOf(released, '1.1.0'), { day: '2026-01-02', changes: ['Old.'] })
  const going = released.replace('[Unreleased]\n', '[Unreleased]\n\n- Next.\n')
  assert.deepEqual(changesOf(going, '1.3.0'), { day: null, changes: ['Next.'] })
  assert.deepEqual(unreleasedChanges(going), ['Next.'])
  assert.deepEqual(unreleasedChanges(released), [])
  assert.throws(() => changesOf(released, '1.3.0'), /^Error: CHANGELOG\.md has no entries for 1\.3\.0: /)
})

test('a .deb for each architecture has everything that a host needs, and belongs to root', () => {
  for (const architecture of [HERE, OTHER]) {
    const file = join(made, `rootferry_${VERSION}_${architecture}.deb`)
    const entries = listed(file)
    const paths = entries.map(({ path }) => path)
    for (const daemon of DAEMONS) {
      const name = `rootferry-${daemon}`
      for (const path of [
        `/usr/bin/${name}`,
        `/usr/lib/systemd/system/${name}.service`,
        `/usr/share/man/man1/${name}.1.gz`,
        `/usr/share/man/man5/${name}.yaml.5.gz`,
        `/usr/share/bash-completion/completions/${name}`,
        `/usr/share/zsh/vendor-completions/_${name}`,
        `/usr/share/fish/vendor_completions.d/${name}.fish`,
      ])
        assert.ok(paths.includes(path), `${architecture} lacks ${path}`)
    }
    for (const path of [
      '/etc/rootferry/',
      '/var/lib/rootferry/',
      '/usr/lib/rootferry/node',
      '/usr/share/rootferry/load-balancers/nginx-upstream',
      '/usr/lib/sysctl.d/50-rootferry.conf',
      '/usr/share/rootferry/agent.schema.json',
      '/usr/share/rootferry/receiver.schema.json',
      '/usr/share/rootferry/load-balancers/haproxy.cfg',
      '/usr/share/rootferry/prometheus/rootferry.rules.yml',
      '/usr/share/rootferry/grafana/rootferry.json',
      '/usr/lib/rootferry/agent/page/index.html',
      '/usr/lib/rootferry/agent/page/page.js.gz',
      '/usr/share/doc/rootferry/copyright',
      '/usr/share/doc/rootferry/third-party.txt',
      '/usr/share/doc/rootferry/changelog.gz',
    ])
      assert.ok(paths.includes(path), `${architecture} lacks ${path}`)
    const executables = entries.filter(({ mode }) => /^-..x/.test(mode)).map(({ path }) => path)
    assert.deepEqual(executables, [
      '/usr/bin/rootferry-agent',
      '/usr/bin/rootferry-receiver',
      '/usr/lib/rootferry/node',
      '/usr/share/rootferry/load-balancers/nginx-upstream',
    ])
    assert.deepEqual(
      entries.filter(({ owner, mode }) => owner !== 'root/root' || !/^(?:-rw.r-.r-.|drwxr-xr-x)$/.test(mode)),
      [],
    )
    const control = execFileSync('dpkg-deb', ['-f', file], { encoding: 'utf8' })
    assert.match(control, new RegExp(`^Architecture: ${architecture}$`, 'm'))
    assert.match(control, /^Depends: .*libc6 \(>= 2\.\d+\)/m)
    if (architecture === HERE || IS_LONG) assert.match(control, /^Depends: .*libatomic1.*libstdc\+\+6/m)
  }
})

test('the schema that written files name for editors is in the package, and is what `config schema` prints', () => {
  const nothing = {
    nats: null,
    fingerprint: null,
    ca: null,
    certificate: null,
    stateDir: null,
    healthListen: null,
    owner: null,
  }
  const receiver = { name: 'web1', agent: 'wss://a:1', tokenFile: 'token', allowPlaintext: false, protect: [] }
  const roots = new Map([['shop', '/srv/shop']])
  const written = {
    agent: agentYaml({ listen: '0.0.0.0:8730', preset: null, roots }),
    receiver: receiverYaml({ ...nothing, ...receiver, roots }),
  }
  for (const daemon of DAEMONS) {
    const [, path = ''] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(written[daemon]) ?? []
    const [node, program] = installed[daemon]
    const printed = execFileSync(node, [program, 'config', 'schema'], { encoding: 'utf8' })
    assert.deepEqual(JSON.parse(readFileSync(join(unpacked, path), 'utf8')), JSON.parse(printed))
  }
})

test('the same checkout makes the same bytes, whatever the umask', async () => {
  // `npm run bundle` has made them once.
  for (const daemon of DAEMONS.filter(isFresh))
    for (const { path, contents } of release.bundles[daemon].files)
      assert.ok(readFileSync(join(bundleOf(daemon), path)).equals(contents), path)
  const again = join(place, 'again')
  const umask = process.umask(0o077)
  try {
    if (IS_LONG) release = await readRelease(VERSION, undefined)
    await build(again, [OTHER])
  } finally {
    process.umask(umask)
  }
  for (const name of [
    `rootferry_${VERSION}_${OTHER}.deb`,
    `rootferry-agent-${VERSION}.tgz`,
    `rootferry-receiver-${VERSION}.tgz`,
  ])
    assert.ok(readFileSync(join(made, name)).equals(readFileSync(join(again, name))), name)
})

test('links between documents, and from them to examples, lead somewhere in the package too', () => {
  const documents = join(unpacked, 'usr/share/doc/rootferry')
  const readers = readdirSync(join(documents, 'docs')).filter((name) => name.endsWith('.md'))
  const links = ['README.md', ...readers.map((name) => `docs/${name}`)].flatMap((document) =>
    [...readFileSync(join(documents, document), 'utf8').matchAll(/\]\((?!https:)([^)#]+)/g)].map(([, link = '']) =>
      join(document, '..', link),
    ),
  )
  assert.ok(links.includes('examples/shop/etc/db/mysql/my.cnf') && links.includes('README.md'))
  const broken = links.filter((link) => !existsSync(join(documents, link)))
  // What is about the work on the sources is in the checkout.
  assert.deepEqual(
    broken.filter((link) => !/^(?:bench|packages|test)\/|^(?:ARCHITECTURE|CHANGELOG|CONTRIBUTING)\.md$/.test(link)),
    [],
  )
})

test('what the runtime links is what the package depends on', () => {
  const linked = execFileSync('ldd', [join(unpacked, 'usr/lib/rootferry/node')], { encoding: 'utf8' })
  const known = /linux-vdso|ld-linux|lib(?:atomic|dl|m|stdc\+\+|gcc_s|pthread|c)\.so/
  assert.deepEqual(
    linked.split('\n').filter((line) => line.trim() !== '' && !known.test(line)),
    [],
  )
})

test('every licence is there with its text, and nothing is bundled that names none', () => {
  const documents = join(unpacked, 'usr/share/doc/rootferry')
  const summary = readFileSync(join(documents, 'copyright'), 'utf8')
  const texts = readFileSync(join(documents, 'third-party.txt'), 'utf8')
  const parts = [...summary.matchAll(/^ {2}(\S+ [\d.]+): (.+)$/gm)]
  assert.ok(parts.length > 40, summary)
  for (const [, part = ''] of parts) assert.ok(texts.includes(`${part}\n\n`), `${part} has no text`)
  assert.match(summary, /^ {2}node 26\./m)
})

test('manual pages are valid and know every verb', (t) => {
  if (spawnSync('man', ['--version']).status !== 0) return t.skip('man is not installed')
  for (const page of ['man1/rootferry-agent.1', 'man1/rootferry-receiver.1', 'man5/rootferry-agent.yaml.5']) {
    const file = join(unpacked, 'usr/share/man', `${page}.gz`)
    const { stdout, stderr } = spawnSync('man', ['--warnings', '-l', file], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '100' },
    })
    assert.equal(stderr, '')
    if (page === 'man1/rootferry-agent.1')
      for (const verb of verbs()) assert.match(stdout, new RegExp(`^ {3}${verb}`, 'm'))
  }
})

/** The verbs, as the agent itself names them. */
function verbs(): string[] {
  const [node, agent] = installed.agent
  const help = execFileSync(node, [agent, '--help'], { encoding: 'utf8' })
  return [...help.matchAll(/^ {2}([a-z]+) .* {2}\S/gm)].map(([, verb = '']) => verb).filter((verb) => verb !== 'help')
}

test('from npm, the .tgz gives the command and fetches nothing', async () => {
  const prefix = join(place, 'prefix')
  const archives = DAEMONS.map((daemon) => join(made, `rootferry-${daemon}-${VERSION}.tgz`))
  const words = ['install', '-g', '--offline', '--no-audit', '--no-fund', '--prefix', prefix, ...archives]
  const { status, stderr } = spawnSync('npm', words, {
    encoding: 'utf8',
    env: { ...process.env, npm_config_cache: join(place, 'npm-cache') },
  })
  assert.equal(status, 0, stderr)
  for (const daemon of DAEMONS) {
    const command = join(prefix, 'bin', `rootferry-${daemon}`)
    assert.equal(execFileSync(command, ['version'], { encoding: 'utf8' }), `${VERSION}\n`)
    assert.ok(existsSync(join(prefix, 'lib/node_modules', `rootferry-${daemon}`, 'man/man1', `rootferry-${daemon}.1`)))
    // npm only warns of a Node that is too old.
    for (const old of ['v20.20.2', 'v24.14.9']) {
      writeFileSync(join(place, 'node'), `#!/bin/sh\necho ${old}\n`, { mode: 0o755 })
      const { status, stderr } = spawnSync(command, ['version'], {
        encoding: 'utf8',
        env: { PATH: `${place}:/usr/bin:/bin` },
      })
      const said = `rootferry-${daemon}: Node 24.15 or newer is needed; ${join(place, 'node')} is ${old}\n`
      assert.deepEqual([status, stderr], [1, said])
    }
  }
})

/** Makes a daemon's program one of the version, at the same place, as dpkg does: it differs in what it says it is. */
function install(daemon: (typeof DAEMONS)[number], version: string): void {
  const directory = join(unpacked, 'usr/lib/rootferry', daemon)
  const files = readdirSync(directory).filter((name) => name.endsWith('.js'))
  const replaced = files.filter((name) => {
    const before = readFileSync(join(directory, name), 'utf8')
    const after = before.replaceAll(/(?<={version:")[\d.]+(?="})/g, version)
    if (after !== before) writeFileSync(join(directory, name), after)
    return after !== before
  })
  assert.notDeepEqual(replaced, [])
}

test('daemons of two versions, one apart, sync a real tree in either order, and after a downgrade', async () => {
  await using trial = new PackageTrial()
  cpSync(join(REPOSITORY, 'packages/host/src'), trial.source, { recursive: true })
  await trial.startAgent(installed.agent)
  await trial.join(installed.receiver)
  let before = await trial.inSync()
  assert.equal(before.version, VERSION)
  for (const [daemon, version] of [
    ['agent', NEXT],
    ['receiver', NEXT],
    ['agent', VERSION],
  ] as const) {
    if (daemon === 'receiver') await trial.stopReceiver()
    else await trial.stopAgent()
    writeFileSync(join(trial.source, 'missed'), `by the ${daemon} before ${version}`)
    install(daemon, version)
    if (daemon === 'receiver') await trial.startReceiver(installed.receiver)
    else await trial.startAgent(installed.agent)
    const now = await trial.inSync(before.sequence)
    assert.equal(now.epoch, before.epoch, `${daemon} ${version}: the index is the same, and its count continues`)
    assert.deepEqual(differences(trial.source, trial.target), [])
    if (daemon === 'agent') assert.equal(now.version, version)
    before = now
  }
})
