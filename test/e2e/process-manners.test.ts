/** A daemon as its machine sees it: signals, its name, and where its log lines go. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AGENT, RECEIVER } from '../../build/programs.ts'
import { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const place = mkdtempSync(join(tmpdir(), 'rootferry-manners-'))
after(() => rmSync(place, { recursive: true, force: true }))

let number = 0

function agentYaml(): string {
  const directory = join(place, String(++number))
  mkdirSync(join(directory, 'docroot'), { recursive: true })
  const file = join(directory, 'agent.yaml')
  const config = {
    stateDir: join(directory, 'state'),
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    tls: 'off',
    roots: { shop: { path: join(directory, 'docroot') } },
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

function receiverYaml(): string {
  const directory = join(place, String(++number))
  mkdirSync(directory)
  const file = join(directory, 'receiver.yaml')
  writeFileSync(join(directory, 'token'), 'rf_token', { mode: 0o600 })
  const config = {
    agent: 'ws://127.0.0.1:9',
    tokenFile: join(directory, 'token'),
    stateDir: join(directory, 'state'),
    health: { listen: '127.0.0.1:0' },
    roots: { shop: { path: join(directory, 'docroot') } },
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

test('USR1 opens no debugger and ends nothing; the process has its own name', async () => {
  const config = agentYaml()
  const agent = new Daemon('agent', process.execPath, AGENT, ['run', '--config', config], process.env)
  try {
    const up = await agent.says('agent is up')
    process.kill(agent.pid, 'SIGUSR1')
    // It answers, so it is alive.
    assert.equal((await fetch(`${up['admin']}/livez`)).status, 200)
    assert.ok(!listensOn(agent.pid, 9229), 'a debugger listens on port 9229')
    assert.equal(readFileSync(`/proc/${agent.pid}/comm`, 'utf8').trim(), 'rootferry-agent')
    assert.match(readFileSync(`/proc/${agent.pid}/cmdline`, 'utf8'), /^rootferry-agent run --config /)
  } finally {
    await agent.stop()
  }
})

/** Sends HUP to its own process at each module that is loaded after the program's main file. */
const HUP_AT_EACH_LOAD = `
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'
let isLoading = false
if (isMainThread) registerHooks({
  load: (url, context, next) => {
    if (isLoading) process.kill(process.pid, 'SIGHUP')
    if (/\\/main\\.(js|ts)$/.test(url)) isLoading = true
    return next(url, context)
  },
})`

test('a HUP while a daemon is starting does not end it, and it reads its configuration once it is up', async () => {
  const hook = `data:text/javascript,${encodeURIComponent(HUP_AT_EACH_LOAD)}`
  const env = { ...process.env, NODE_OPTIONS: `--import=${hook}` }
  const config = agentYaml()
  const agent = new Daemon('agent', process.execPath, AGENT, ['run', '--config', config], env)
  const again = agent.says('configuration was read again')
  try {
    const up = await agent.says('agent is up')
    assert.equal((await fetch(`${up['admin']}/livez`)).status, 200)
    process.kill(agent.pid, 'SIGHUP')
    await again
  } finally {
    await agent.stop()
  }
  const receiver = new Daemon('receiver', process.execPath, RECEIVER, ['run', '--config', receiverYaml()], env)
  try {
    await receiver.says('receiver is up')
  } finally {
    await receiver.stop()
  }
})

/** As a confined service sees it: sockets of that family are not permitted. */
const NO_NETLINK = `
import os from 'node:os'
import { syncBuiltinESMExports } from 'node:module'
os.networkInterfaces = () => { throw new Error('address family not supported') }
syncBuiltinESMExports()`

test('a daemon that may not list the addresses of its machine listens on all of them', async () => {
  const env = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(NO_NETLINK)}` }
  for (const [name, program, config, setting] of [
    ['agent', AGENT, agentYaml(), 'admin'],
    ['receiver', RECEIVER, receiverYaml(), 'health'],
  ] as const) {
    const file = JSON.parse(readFileSync(config, 'utf8')) as object
    writeFileSync(config, JSON.stringify({ ...file, [setting]: { listen: '0.0.0.0:0' } }))
    const daemon = new Daemon(name, process.execPath, program, ['run', '--config', config], env)
    try {
      const up = await daemon.says(`${name} is up`)
      assert.match(String(up[setting]), /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
      assert.equal((await fetch(`${up[setting]}/livez`)).status, 200)
    } finally {
      await daemon.stop()
    }
  }
})

test('a log that cannot be written any more does not end the daemon', async () => {
  const full = openSync('/dev/full', 'w')
  const config = agentYaml()
  const child = spawn(process.execPath, [AGENT, 'run', '--config', config], { stdio: ['ignore', full, 'pipe'] })
  try {
    const secret = join(config, '../state/admin.json')
    await until(
      () => existsSync(secret) || child.exitCode !== null,
      () => 'it is not up',
    )
    assert.equal(child.exitCode, null)
    child.kill('SIGHUP')
  } finally {
    child.kill('SIGTERM')
    const [code] = await once(child, 'close')
    assert.equal(code, 0)
  }
})

for (const isWaiting of [true, false])
  test(`a reader of the log that has stopped does not stop the daemon: a pipe that ${isWaiting ? 'waits' : 'refuses'}`, async () => {
    const config = agentYaml()
    const fifo = join(config, '../fifo')
    execFileSync('mkfifo', [fifo])
    const full = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
    assert.throws(
      () => {
        for (;;) writeSync(full, Buffer.alloc(4_096, 'x'))
      },
      { code: 'EAGAIN' },
    )
    const output = isWaiting ? openSync(fifo, constants.O_RDWR) : full
    const child = spawn(process.execPath, [AGENT, 'run', '--config', config], { stdio: ['ignore', output, 'pipe'] })
    const ended = once(child, 'close')
    const secret = join(config, '../state/admin.json')
    await until(
      () => existsSync(secret) || child.exitCode !== null,
      () => 'it is not up',
    )
    const { url } = JSON.parse(readFileSync(secret, 'utf8')) as { url: string }
    child.kill('SIGHUP')
    assert.equal((await fetch(`${url}/livez`)).status, 200)
    // Somebody reads again: what was lost is said.
    let text = ''
    const read = () => {
      try {
        const some = Buffer.alloc(1_048_576)
        const bytes = readSync(full, some)
        text += some.subarray(0, bytes)
        return bytes > 0
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
        throw error
      }
    }
    while (read());
    child.kill('SIGTERM')
    const [code] = (await ended) as [number]
    assert.equal(code, 0)
    read()
    assert.match(text, /"lines":\d+,"msg":"log lines before this one could not be written"/)
    assert.match(text, /"msg":"agent stopped"/)
  })

test('on a terminal lines are for people, and else JSON', async (t) => {
  if (spawnSync('script', ['--version']).status !== 0) return t.skip('there is no script(1)')
  const command = `exec '${process.execPath}' '${AGENT}' run --config '${agentYaml()}'`
  const env = { ...process.env, NO_COLOR: '1' }
  const terminal = spawn('script', ['-qefc', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'], env })
  let shown = ''
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text))
  const ended = once(terminal, 'close')
  await until(
    () => shown.includes('agent is up'),
    () => shown,
  )
  assert.match(shown, /^\d\d:\d\d:\d\d\.\d{3} info {2}rootferry-agent: agent is up stream=http:/m)
  assert.ok(!shown.includes('{'), shown)
  const [daemon = ''] = readFileSync(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'utf8').trim().split(' ')
  process.kill(Number(daemon), 'SIGTERM')
  await ended
  assert.match(shown, /agent stopped/)
})

test('lines for the journal begin with their priority, and only for the journal', async () => {
  const file = join(place, 'journal')
  const journal = openSync(file, 'w')
  const { dev, ino } = fstatSync(journal)
  const told = { ...process.env, JOURNAL_STREAM: `${dev}:${ino}` }
  const config = agentYaml()
  rmSync(join(config, '../docroot'), { recursive: true })
  const child = spawn(process.execPath, [AGENT, 'run', '--config', config], {
    stdio: ['ignore', journal, 2],
    env: told,
  })
  await until(
    () => readFileSync(file, 'utf8').includes('agent is up'),
    () => 'it did not log',
  )
  child.kill('SIGTERM')
  await once(child, 'close')
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const priorities = { info: '6', warn: '4', error: '3' }
  for (const line of lines) {
    const [, priority = '', json = ''] = /^<(\d)>(\{.*\})$/.exec(line) ?? []
    const { level } = JSON.parse(json) as { level: keyof typeof priorities }
    assert.equal(priority, priorities[level], line)
  }
  assert.ok(
    lines.some((line) => !line.startsWith('<6>')),
    'a root without a docroot is worth a warning',
  )
  const other = spawn(process.execPath, [AGENT, 'run', '--config', agentYaml()], {
    stdio: ['ignore', 'pipe', 2],
    env: told,
  })
  const [first] = (await once(other.stdout ?? other, 'data')) as [Buffer]
  other.kill('SIGTERM')
  await once(other, 'close')
  assert.equal(first.toString()[0], '{')
})

/** Whether a socket of this process listens on a port; other processes may have theirs. */
function listensOn(pid: number, port: number): boolean {
  const own = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
    return inode === undefined ? [] : [inode]
  })
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, '0')
  return readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([, local, , , , , , , , inode]) => local?.endsWith(`:${hexadecimal}`) && own.includes(inode ?? ''))
}

/** A program systemd-notify that writes down what it is told, one message a line. */
function fakeNotify(directory: string): { environment: NodeJS.ProcessEnv; told: () => string[] } {
  const file = join(directory, 'told')
  mkdirSync(join(directory, 'bin'))
  writeFileSync(join(directory, 'bin/systemd-notify'), `#!/bin/sh\nshift\n(IFS='|'; echo "$*") >> '${file}'\n`, {
    mode: 0o755,
  })
  return {
    environment: {
      ...process.env,
      PATH: `${join(directory, 'bin')}:${process.env['PATH']}`,
      NOTIFY_SOCKET: join(directory, 'socket'),
      WATCHDOG_USEC: '300000',
    },
    told: () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []),
  }
}

for (const [name, program, configure, status] of [
  ['agent', AGENT, agentYaml, /^STATUS=1 root ready; 0 of 0 receivers live\|WATCHDOG=1$/],
  ['receiver', RECEIVER, receiverYaml, /^STATUS=not ready: shop: the first sync is not complete\|WATCHDOG=1$/],
] as const)
  test(`the ${name} tells its service manager that it is up, how it is, that it lives, and that it stops`, async () => {
    const config = configure()
    const directory = mkdtempSync(join(place, 'notify-'))
    const { environment, told } = fakeNotify(directory)
    const daemon = new Daemon(name, process.execPath, program, ['run', '--config', config], environment)
    const shown = () => told().join('\n')
    await until(() => told().some((line) => line.startsWith('READY=1|STATUS=')), shown)
    await until(() => told().filter((line) => status.test(line)).length >= 2, shown)
    await daemon.stop()
    await until(() => told().some((line) => line.startsWith('STOPPING=1|')), shown)
    assert.equal(told().filter((line) => line.startsWith('READY=1')).length, 1)
  })

test('log level debug names paths, on both ends', async () => {
  await using rig = await Rig.start({
    receivers: 1,
    logLevel: 'debug',
    prepare: (source) => writeFileSync(join(source, 'a\nb'), 'x'),
  })
  await rig.inSync()
  const named = (daemon: string, message: string) => () =>
    rig.logs.some(
      ({ name, msg, paths }) => name === daemon && msg === message && Array.isArray(paths) && paths.includes('a\\nb'),
    )
  await until(named('rootferry-agent', 'changeset'), () => JSON.stringify(rig.logs.slice(-20)))
  await until(named('rootferry-receiver', 'paths of the commit'), () => JSON.stringify(rig.logs.slice(-20)))
})
