/**
 * The quick start of the README, run as it is printed, line by line: both hosts are this one, with directories of the
 * test in place of /etc, /var and the docroots, and ports of the test's own. The package is not installed and systemd
 * not asked: instead the test runs the program that the package and the unit run.
 */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AGENT, RECEIVER } from '../../build/programs.ts'
import { differences } from '../support/compare-trees.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))

/** The shell blocks below a heading, in order. */
function shellBlocks(heading: string): string[] {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8')
  const section = readme.slice(readme.indexOf(`\n${heading}\n`) + 1)
  const end = section.indexOf('\n## ', 1)
  return [...section.slice(0, end).matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '')
}

/** The commands of a block between installing the package and enabling the unit. */
function commandsOf(block: string): { commands: string[]; daemon: string } {
  const lines = block.trimEnd().split('\n')
  assert.equal(lines.shift(), 'apt install ./rootferry_*.deb')
  const daemon = /^systemctl enable --now (rootferry-(?:agent|receiver))$/.exec(lines.pop() ?? '')?.[1]
  assert.ok(daemon !== undefined, block)
  return { commands: lines, daemon }
}

class Host implements AsyncDisposable {
  readonly place: string
  readonly docroot: string
  readonly #environment: NodeJS.ProcessEnv
  #daemon: ChildProcess | null = null

  constructor(name: string) {
    this.place = mkdtempSync(join(tmpdir(), `rootferry-${name}-`))
    this.docroot = join(this.place, 'var/www/shop')
    const bin = join(this.place, 'bin')
    mkdirSync(bin)
    const config = (daemon: string) => `--config ${join(this.place, `etc/rootferry/${daemon}.yaml`)}`
    const receiverPlaces = `--state-dir ${join(this.place, 'var/lib/rootferry/receiver')} --health 127.0.0.1:0`
    this.#program(bin, 'agent', `exec ${process.execPath} ${AGENT} "$@" ${config('agent')}`)
    this.#program(
      bin,
      'receiver',
      `[ "$1" = join ] && more="${receiverPlaces}"\nexec ${process.execPath} ${RECEIVER} "$@" $more ${config('receiver')}`,
    )
    this.#environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}` }
  }

  #program(bin: string, daemon: string, script: string): void {
    writeFileSync(join(bin, `rootferry-${daemon}`), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, `rootferry-${daemon}`), 0o755)
  }

  /** @returns its stdout */
  runs(script: string): string {
    const options = { encoding: 'utf8', env: this.#environment, timeout: 30_000 } as const
    const { status, stdout, stderr } = spawnSync('bash', ['-ec', this.#here(script)], options)
    assert.equal(status, 0, `${script}\n${stderr}`)
    return stdout
  }

  /** Gives the agent.yaml that `init` wrote ports of the test's own, and a state directory below this place. */
  moves(port: number, adminPort: number): void {
    const file = join(this.place, 'etc/rootferry/agent.yaml')
    const text = readFileSync(file, 'utf8')
      .replace('0.0.0.0:8730', `127.0.0.1:${port}`)
      .replace('127.0.0.1:8731', `127.0.0.1:${adminPort}`)
    writeFileSync(file, `stateDir: ${join(this.place, 'var/lib/rootferry/agent')}\n${text}`)
  }

  starts(command: string): void {
    this.#daemon = spawn('bash', ['-c', `exec ${command}`], { env: this.#environment, stdio: 'ignore' })
  }

  #here(text: string): string {
    return text.replaceAll(/(?<![\w.])\/(?=(etc|var)\/)/g, `${this.place}/`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon !== null && this.#daemon.exitCode === null) {
      this.#daemon.kill('SIGTERM')
      const [code] = await once(this.#daemon, 'exit')
      assert.equal(code, 0)
    }
    rmSync(this.place, { recursive: true })
  }
}

/** Does what the README says, from zero to a pair in sync. @param ignore paths that stay different */
async function quickStart(admin: Host, web1: Host, ignore: (path: string) => boolean = () => false): Promise<void> {
  const blocks = shellBlocks('## On real hosts')
  assert.equal(blocks.length, 2)
  const [port, adminPort] = [await freePort(), await freePort()]

  const onAdmin = commandsOf((blocks[0] ?? '').replaceAll('admin.internal:8730', `127.0.0.1:${port}`))
  let invitation = ''
  for (const command of onAdmin.commands) {
    invitation = admin.runs(command).trim()
    if (/^\S+ init /.test(command)) admin.moves(port, adminPort)
  }
  assert.match(invitation, /^rfjoin1_\S+$/)
  admin.starts(`${onAdmin.daemon} run`)
  const livez = () => fetch(`http://127.0.0.1:${adminPort}/livez`).then((answer) => answer.ok)
  await until(
    () => livez().catch(() => false),
    () => 'the agent is not up',
  )

  const onWeb1 = commandsOf((blocks[1] ?? '').replace('INVITATION', invitation))
  for (const command of onWeb1.commands) web1.runs(command)
  web1.starts(`${onWeb1.daemon} run`)
  const faults = () => (existsSync(web1.docroot) ? differences(admin.docroot, web1.docroot, { ignore }) : ['no target'])
  await until(
    () => faults().length === 0,
    () => faults().join('\n'),
  )
}

function put(docroot: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(docroot, path, '..'), { recursive: true })
    writeFileSync(join(docroot, path), content)
  }
}

test('the commands of the quick start, as printed, make a pair in sync over TLS', async () => {
  await using admin = new Host('admin')
  await using web1 = new Host('web1')
  put(admin.docroot, { 'app/index.php': '<?php' })
  await quickStart(admin, web1)
})

/** What an app server has of its own when it is joined. */
const LOCAL = {
  'app/etc/env.php': "<?php return ['db' => 'of web1'];",
  'app/etc/local.xml': '<config>of web1</config>',
  '.htaccess': 'php_value memory_limit 512M',
  '.user.ini': 'of web1 alone',
  'pub/media/catalog/upload 1.jpg': 'uploaded to web1',
  'pub/index.php': '<?php // patched on web1, by hand',
  'sitemap/deep/er/sitemap.xml': 'made on web1',
  'var/log/system.log': 'of web1',
  robots: 'a file, where the admin server has a directory',
  'old/inner.php': 'in a directory, where the admin server has a file',
}

test('the quick start on a host with configuration and uploads of its own destroys none of them without a copy', async () => {
  await using admin = new Host('admin')
  await using web1 = new Host('web1')
  put(admin.docroot, {
    'app/etc/env.php': "<?php return ['db' => 'of admin'];",
    '.htaccess': 'RewriteEngine on',
    'pub/index.php': '<?php // 2.4.7',
    'pub/media/catalog/a.jpg': 'a',
    'robots/robots.txt': 'User-agent: *',
    old: 'a file',
  })
  for (let number = 0; number < 300; number += 1)
    for (const { docroot } of [admin, web1]) put(docroot, { [`vendor/v${number}.php`]: `<?php // ${number}` })
  put(web1.docroot, LOCAL)
  await quickStart(admin, web1, (path) => path === 'app/etc/env.php' || path === 'var' || path.startsWith('var/'))

  assert.equal(readFileSync(join(web1.docroot, 'app/etc/env.php'), 'utf8'), LOCAL['app/etc/env.php'], 'protected')
  const trash = join(web1.place, 'var/lib/rootferry/receiver/trash/shop')
  const kept = new Map<string, string>()
  for (const name of readdirSync(trash, { recursive: true }).map(String)) {
    if (statSync(join(trash, name)).isFile())
      kept.set(name.replace(/^[^/]*\//, ''), readFileSync(join(trash, name), 'utf8'))
  }
  const destroyed = Object.entries(LOCAL).filter(([path, content]) => {
    const there = join(web1.docroot, path)
    const stays =
      statSync(there, { throwIfNoEntry: false })?.isFile() === true && readFileSync(there, 'utf8') === content
    return !stays && kept.get(path) !== content
  })
  assert.deepEqual(destroyed, [])
})
