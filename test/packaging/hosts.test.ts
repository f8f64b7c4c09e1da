/**
 * The life of an installation on whole Debian hosts, an admin server and an app server: install, init, join, first sync,
 * a reload with a bad file, reboot, an upgrade amid a first sync, a downgrade, purge.
 *
 * Runs when ROOTFERRY_HOSTS names suites of Debian or Ubuntu, as `ROOTFERRY_HOSTS=bookworm,noble`: it needs root, debootstrap,
 * systemd-nspawn, and a mirror for the first run.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { buildPackages } from '../../build/package/main.ts'
import { REPOSITORY } from '../../build/programs.ts'
import { versionOfCheckout } from '../../build/version.ts'
import { differences } from '../support/compare-trees.ts'
import { until } from '../support/until.ts'
import { BootedHost, whyNoHosts } from './booted-host.ts'

const SUITES = (process.env['ROOTFERRY_HOSTS'] ?? '').split(',').filter((suite) => suite !== '')
const VERSION = versionOfCheckout()
const NEXT = VERSION.replace(/\d+$/, (patch) => String(Number(patch) + 1))
const DOCROOT = '/var/www/shop'
const DEADLINE_MS = 120_000
/** A first sync of a quarter of an hour: slower than any upgrade. */
const SLOW_BYTES_PER_SECOND = 50_000
const SLOW_FILES = 50
const SLOW_FILE_BYTES = 1_000_000
const BURST_FILES = 20_000
/** Ends with 0 when the thread of a root of the process in $1 has a nice value of -14; with 1 if not for some seconds. */
const UNTIL_AHEAD = `
end=$(($(date +%s) + 5))
for thread in /proc/$1/task/*/stat; do
  read -r line < $thread
  case $line in *' shop)'*) break ;; esac
done
while [ $(date +%s) -lt $end ]; do
  for again in 1 2 3 4 5 6 7 8 9; do
    read -r line < $thread; set -- \${line##*) }
    [ "\${17}" = -14 ] && exit 0
  done
done
exit 1`

interface Status {
  version: string
  roots: { epoch: string; sequence: number }[]
  receivers: { state: string; sequence: number }[]
}

for (const suite of SUITES) describe(`on ${suite}`, () => life(suite))
if (SUITES.length === 0)
  it('hosts are booted when ROOTFERRY_HOSTS names suites of Debian', (t) => t.skip('not asked for'))

function life(suite: string): void {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-hosts-'))
  let admin: BootedHost
  let web: BootedHost
  const deb = (version: string) => `rootferry_${version}_amd64.deb`

  before(async () => {
    assert.equal(whyNoHosts(), null)
    for (const version of [VERSION, NEXT]) {
      const order = { architectures: ['amd64'] as const, version, directory: place, epoch: undefined, withRpm: false }
      await buildPackages({ ...order, isCompressed: false }, () => undefined)
    }
    admin = await BootedHost.boot('admin', suite)
    web = await BootedHost.boot('web1', suite)
    admin.run('apt-get', 'update')
    web.run('apt-get', 'update')
    for (const host of [admin, web])
      for (const version of [VERSION, NEXT])
        copyFileSync(join(place, deb(version)), join(host.root, 'var', deb(version)))
    cpSync(join(REPOSITORY, 'packages'), join(admin.root, DOCROOT), {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    })
  })
  after(async () => {
    await web?.[Symbol.asyncDispose]()
    await admin?.[Symbol.asyncDispose]()
    rmSync(place, { recursive: true, force: true })
  })

  const install = (host: BootedHost, version: string) =>
    host.run('apt-get', 'install', '-y', '--allow-downgrades', `/var/${deb(version)}`)
  const status = () => {
    // 3: a receiver is behind or away, which is an answer.
    const { stdout } = admin.tryTo('rootferry-agent', 'status', '--json')
    return (stdout.startsWith('{') ? JSON.parse(stdout) : { version: '', roots: [], receivers: [] }) as Status
  }
  const inSync = async () => {
    const current = () => {
      const now = status()
      const [root, receiver] = [now.roots[0], now.receivers[0]]
      return receiver?.state === 'live' && receiver.sequence === root?.sequence
        ? { ...now, epoch: root.epoch }
        : undefined
    }
    return await until(current, () => JSON.stringify(status()), DEADLINE_MS)
  }
  const equal = () => assert.deepEqual(differences(join(admin.root, DOCROOT), join(web.root, DOCROOT)), [])
  const show = (host: BootedHost, unit: string, property: string) =>
    host.run('systemctl', 'show', '--value', '-p', property, unit).trim()

  it('two commands install it, start nothing and need no Node', () => {
    for (const host of [admin, web]) {
      install(host, VERSION)
      assert.equal(host.tryTo('which', 'node').status, 1)
      for (const unit of ['rootferry-agent', 'rootferry-receiver']) {
        assert.equal(host.tryTo('systemctl', 'is-enabled', unit).stdout.trim(), 'disabled')
        assert.equal(host.tryTo('systemctl', 'is-active', unit).stdout.trim(), 'inactive')
      }
    }
  })

  it('init, token, join: the first sync is complete', async () => {
    // A port that takes a capability; and on the app server all addresses.
    admin.run('rootferry-agent', 'init', '--root', `shop=${DOCROOT}`, '--listen', '0.0.0.0:843')
    admin.run('systemctl', 'enable', '--now', 'rootferry-agent')
    mkdirSync(join(web.root, DOCROOT), { recursive: true })
    writeFileSync(join(web.root, DOCROOT, 'extraneous'), 'x')
    const url = ['--url', 'wss://127.0.0.1:843']
    const invitation = admin.run('rootferry-agent', 'token', 'create', 'web1', '--join', ...url).trim()
    web.run('rootferry-receiver', 'join', invitation, '--root', `shop=${DOCROOT}`)
    const health = '{listen: 0.0.0.0:8732, probe: {listen: 0.0.0.0:8733}, readyFile: /run/rootferry/ready}'
    appendFileSync(join(web.root, 'etc/rootferry/receiver.yaml'), `health: ${health}\n`)
    web.run('systemctl', 'enable', '--now', 'rootferry-receiver')
    await inSync()
    equal()
    for (const port of [8732, 8733]) assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200)
    web.run('test', '-e', '/run/rootferry/ready')
  })

  it('the trash is in the state directory, although the service has mounts of its own', () => {
    assert.match(web.run('rootferry-receiver', 'trash', 'list'), / extraneous$/m)
    assert.equal(web.run('find', '/var/lib/rootferry/receiver/trash/shop', '-name', 'extraneous').split('\n').length, 2)
    assert.ok(!existsSync(join(web.root, DOCROOT, '.rootferry')))
  })

  it('the service manager knows how the daemons are, and confines them', async () => {
    const text = (host: BootedHost, unit: string) => show(host, unit, 'StatusText')
    await until(
      () => text(admin, 'rootferry-agent') === '1 root ready; 1 of 1 receivers live',
      () => text(admin, 'rootferry-agent'),
    )
    await until(
      () => text(web, 'rootferry-receiver') === 'ready: shop',
      () => text(web, 'rootferry-receiver'),
    )
    for (const [host, unit] of [
      [admin, 'rootferry-agent'],
      [web, 'rootferry-receiver'],
    ] as const) {
      assert.equal(show(host, unit, 'Type'), 'notify')
      const report = host.run('systemd-analyze', 'security', '--no-pager', unit)
      const exposure = Number(/exposure level for \S+: (\d+\.\d+)/.exec(report)?.[1])
      assert.ok(
        exposure <= 3,
        `${report
          .split('\n')
          .filter((line) => line.includes('✗'))
          .join('\n')}\n${exposure}`,
      )
    }
  })

  it('a large burst goes before the other programs, and is as they are again', async (t) => {
    const process = () => show(web, 'rootferry-receiver', 'MainPID')
    assert.equal(show(web, 'rootferry-receiver', 'LimitNICE'), '34')
    const dropIn = join(web.root, 'etc/systemd/system/rootferry-receiver.service.d')
    if (!/nice priority +34/.test(web.run('cat', `/proc/${process()}/limits`))) {
      t.diagnostic('systemd may not raise limits here: the service has the capability instead')
      mkdirSync(dropIn, { recursive: true })
      writeFileSync(join(dropIn, 'nice.conf'), '[Service]\nCapabilityBoundingSet=CAP_SYS_NICE\n')
      web.run('systemctl', 'daemon-reload')
      web.run('systemctl', 'restart', 'rootferry-receiver')
      await inSync()
    }
    const tree = join(admin.root, DOCROOT, 'burst')
    mkdirSync(tree)
    const isAhead = () => web.tryTo('sh', '-c', UNTIL_AHEAD, 'sh', process()).status === 0
    await until(
      () => {
        for (let file = 0; file < BURST_FILES; file += 1) writeFileSync(join(tree, `${file}`), randomBytes(8))
        return isAhead()
      },
      () => 'no thread had a higher priority',
      DEADLINE_MS,
    )
    await inSync()
    await until(
      () => !isAhead(),
      () => 'a thread keeps its higher priority',
    )
    rmSync(dropIn, { recursive: true, force: true })
    rmSync(tree, { recursive: true })
    const report = () => admin.tryTo('rootferry-agent', 'status').stdout
    await until(() => report().includes('mass deletion'), report)
    admin.run('rootferry-agent', 'guard', 'accept', 'shop')
    await until(() => !existsSync(join(web.root, DOCROOT, 'burst')), report, DEADLINE_MS)
    await inSync()
    equal()
  })

  it('a daemon that hangs is restarted by the watchdog', async () => {
    const dropIn = join(web.root, 'etc/systemd/system/rootferry-receiver.service.d')
    mkdirSync(dropIn, { recursive: true })
    writeFileSync(join(dropIn, 'watchdog.conf'), '[Service]\nWatchdogSec=6\n')
    web.run('systemctl', 'daemon-reload')
    web.run('systemctl', 'restart', 'rootferry-receiver')
    await inSync()
    const pid = show(web, 'rootferry-receiver', 'MainPID')
    web.run('systemctl', 'kill', '--kill-who=main', '--signal=STOP', 'rootferry-receiver')
    await until(
      () => show(web, 'rootferry-receiver', 'NRestarts') === '1',
      () => show(web, 'rootferry-receiver', 'Result'),
    )
    await inSync()
    assert.notEqual(show(web, 'rootferry-receiver', 'MainPID'), pid)
    rmSync(dropIn, { recursive: true })
    web.run('systemctl', 'daemon-reload')
  })

  it('a reload with a bad file fails, and the daemon goes on; a start with one is not tried again', async () => {
    const file = join(admin.root, 'etc/rootferry/agent.yaml')
    const good = join(place, 'good.yaml')
    copyFileSync(file, good)
    const pid = show(admin, 'rootferry-agent', 'MainPID')
    writeFileSync(file, 'nonsense: true\n')
    assert.notEqual(admin.tryTo('systemctl', 'reload', 'rootferry-agent').status, 0)
    assert.equal(show(admin, 'rootferry-agent', 'MainPID'), pid)
    admin.tryTo('systemctl', 'restart', 'rootferry-agent')
    await until(
      () => show(admin, 'rootferry-agent', 'ActiveState') === 'failed',
      () => 'it does not fail',
    )
    assert.equal(show(admin, 'rootferry-agent', 'ExecMainStatus'), '78')
    assert.equal(show(admin, 'rootferry-agent', 'NRestarts'), '0')
    copyFileSync(good, file)
    admin.run('systemctl', 'restart', 'rootferry-agent')
    await inSync()
    admin.run('systemctl', 'reload', 'rootferry-agent')
    web.run('systemctl', 'reload', 'rootferry-receiver')
  })

  it('a docroot in the /tmp of the service alone is refused with a line, by a reload and by a start', async () => {
    const file = join(web.root, 'etc/rootferry/receiver.yaml')
    const good = readFileSync(file, 'utf8')
    writeFileSync(file, good.replace(`path: ${DOCROOT}`, 'path: /tmp/shop'))
    assert.notEqual(web.tryTo('systemctl', 'reload', 'rootferry-receiver').status, 0)
    assert.equal(show(web, 'rootferry-receiver', 'ActiveState'), 'active')
    web.tryTo('systemctl', 'restart', 'rootferry-receiver')
    await until(
      () => show(web, 'rootferry-receiver', 'ActiveState') === 'failed',
      () => 'it does not fail',
    )
    const said = web.run('journalctl', '-u', 'rootferry-receiver', '-o', 'cat', '-n', '10')
    assert.match(
      said,
      /roots\.shop\.path lies in a \/tmp that systemd made for this service alone: choose another place/,
    )
    writeFileSync(file, good)
    web.run('systemctl', 'restart', 'rootferry-receiver')
    await inSync()
  })

  it('a user of the host cannot keep the receiver from starting, and hooks reach systemctl and are ended', async () => {
    const file = join(web.root, 'etc/rootferry/receiver.yaml')
    const good = readFileSync(file, 'utf8')
    const script = 'systemctl is-active rootferry-receiver; nice sleep 100'
    const hook = `{match: ['*.hook'], command: [/bin/sh, -c, '${script}'], timeoutSeconds: 2}`
    const path = `path: ${DOCROOT}`
    writeFileSync(file, good.replace(path, `${path}\n    hooks: {afterCommit: [${hook}]}`))
    web.run('systemctl', 'stop', 'rootferry-receiver')
    web.run('systemd-run', '--unit=stranger', '--uid=nobody', 'flock', DOCROOT, 'sleep', '1000')
    await until(
      () => web.tryTo('flock', '-n', DOCROOT, 'true').status === 1,
      () => 'nobody locks it',
    )
    web.run('systemctl', 'start', 'rootferry-receiver')
    web.run('systemctl', 'stop', 'stranger')
    await inSync()
    writeFileSync(join(admin.root, DOCROOT, 'a.hook'), 'x')
    const said = () => web.run('journalctl', '-u', 'rootferry-receiver', '-o', 'cat', '-n', '40')
    await until(() => /"output":"active\\\\n","msg":"hook was killed: it took too long"/.test(said()), said)
    writeFileSync(file, good)
    web.run('systemctl', 'reload', 'rootferry-receiver')
    rmSync(join(admin.root, DOCROOT, 'a.hook'))
    await inSync()
  })

  it('the journal knows which lines are warnings', async () => {
    admin.run('systemctl', 'stop', 'rootferry-agent')
    const warnings = () => web.run('journalctl', '-u', 'rootferry-receiver', '-p', 'warning', '-o', 'cat')
    await until(
      () => warnings().includes('not connected to the agent'),
      () => warnings(),
    )
    assert.ok(!warnings().includes('"level":"info"'))
    admin.run('systemctl', 'start', 'rootferry-agent')
    await inSync()
  })

  it('both hosts reboot, and what was missed comes', async () => {
    const before = await inSync()
    await web.reboot()
    writeFileSync(join(admin.root, DOCROOT, 'while-it-was-away'), 'x')
    await admin.reboot()
    const now = await inSync()
    assert.ok((now.roots[0]?.sequence ?? 0) > (before.roots[0]?.sequence ?? 0))
    equal()
  })

  it('an upgrade of both amid a first sync, which takes long on a slow line: nothing is lost or compared anew', async () => {
    const before = await inSync()
    const agentYaml = join(admin.root, 'etc/rootferry/agent.yaml')
    const fast = readFileSync(agentYaml, 'utf8')
    appendFileSync(agentYaml, `limits: {bytesPerSecond: ${SLOW_BYTES_PER_SECOND}}\n`)
    web.run('systemctl', 'stop', 'rootferry-receiver')
    for (const place of [DOCROOT, '/var/lib/rootferry/receiver']) web.run('find', place, '-mindepth', '1', '-delete')
    admin.run('systemctl', 'reload', 'rootferry-agent')
    for (let number = 0; number < SLOW_FILES; number += 1)
      writeFileSync(join(admin.root, DOCROOT, `slow${number}`), randomBytes(SLOW_FILE_BYTES))
    web.run('systemctl', 'start', 'rootferry-receiver')
    const isAmid = () => status().receivers[0]?.state === 'replaying'
    await until(isAmid, () => JSON.stringify(status()))
    install(admin, NEXT)
    await until(isAmid, () => JSON.stringify(status()))
    install(web, NEXT)
    await until(isAmid, () => JSON.stringify(status()))
    // It would take many minutes: slower than any upgrade.
    writeFileSync(agentYaml, fast)
    admin.run('systemctl', 'reload', 'rootferry-agent')
    const now = await inSync()
    assert.equal(now.version, NEXT)
    assert.equal(now.epoch, before.epoch)
    equal()
    const welcomes = web
      .run('journalctl', '-u', 'rootferry-receiver', '-o', 'cat')
      .match(/"start":"(?:replay|resync)"/g)
    assert.equal(welcomes?.at(-1), '"start":"replay"')
  })

  it('a downgrade goes on where the other version ended', async () => {
    const before = await inSync()
    install(web, VERSION)
    install(admin, VERSION)
    const now = await inSync()
    assert.equal(now.version, VERSION)
    assert.equal(now.epoch, before.epoch)
    equal()
  })

  it('purge removes what the package made, keeps what was moved out of the docroot, and no docroot', async () => {
    await inSync()
    const content = readdirSync(join(web.root, DOCROOT))
    const trash = join(web.root, 'var/lib/rootferry/receiver/trash')
    mkdirSync(join(trash, 'shop/2026-01-01'), { recursive: true })
    writeFileSync(join(trash, 'shop/2026-01-01/kept'), 'x')
    for (const host of [admin, web]) {
      host.run('apt-get', 'purge', '-y', 'rootferry')
      for (const path of ['etc/rootferry', 'var/lib/rootferry', 'var/cache/rootferry', 'usr/lib/rootferry'])
        assert.ok(!existsSync(join(host.root, path)), `${host.name}: /${path} is still there`)
      // It ends with 1 when there are none.
      assert.equal(host.tryTo('systemctl', 'list-unit-files', '--no-legend', 'rootferry*').stdout.trim(), '')
    }
    assert.deepEqual(readdirSync(join(web.root, DOCROOT)), content)
    const kept = readdirSync(join(web.root, 'var/backups')).find((name) => name.startsWith('rootferry-trash-'))
    assert.ok(existsSync(join(web.root, 'var/backups', kept ?? '', 'trash/shop/2026-01-01/kept')))
  })
}
