/**
 * The Ansible role: its syntax where Ansible is installed, and on a booted host, when ROOTFERRY_HOSTS asks for hosts, that
 * it brings an agent and a receiver up, and that a second run changes nothing.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildPackages } from '../../build/package/main.ts'
import { REPOSITORY } from '../../build/programs.ts'
import { versionOfCheckout } from '../../build/version.ts'
import { until } from '../support/until.ts'
import { BootedHost } from './booted-host.ts'

const ROLE = join(REPOSITORY, 'packaging/ansible')
const [SUITE = null] = (process.env['ROOTFERRY_HOSTS'] ?? '').split(',').filter((suite) => suite !== '')
const VERSION = versionOfCheckout()
/** Two names for one host, which is both the admin server and an app server. */
const INVENTORY = `[admin]
a ansible_connection=local rootferry_roots='{"shop": "/var/www/shop"}' rootferry_preset=wordpress
[web]
b ansible_connection=local rootferry_roots='{"shop": "/var/www/copy"}' rootferry_protect='["/env.php"]'
[all:vars]
ansible_python_interpreter=/usr/bin/python3
rootferry_package=/play/rootferry_${VERSION}_amd64.deb
rootferry_agent_url=wss://127.0.0.1:8730
`

test('the role and its example have no fault of syntax', (t) => {
  if (spawnSync('ansible-playbook', ['--version']).status !== 0) return t.skip('ansible-playbook is not installed')
  const place = mkdtempSync(join(tmpdir(), 'rootferry-ansible-'))
  try {
    writeFileSync(join(place, 'inventory.ini'), INVENTORY)
    const words = ['--syntax-check', '-i', join(place, 'inventory.ini'), 'example.yml']
    const { status, stderr } = spawnSync('ansible-playbook', words, { cwd: ROLE, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  } finally {
    rmSync(place, { recursive: true })
  }
})

test('the role brings an agent and a receiver up, and a second run changes nothing', async (t) => {
  if (SUITE === null) return t.skip('hosts are booted when ROOTFERRY_HOSTS names suites of Debian')
  await using host = await BootedHost.boot('play', SUITE)
  host.run('apt-get', 'update')
  host.run('apt-get', 'install', '-y', '--no-install-recommends', 'ansible-core', 'python3-apt')
  const plays = join(host.root, 'play')
  const order = {
    architectures: ['amd64'] as const,
    version: VERSION,
    isCompressed: false,
    epoch: undefined,
    withRpm: false,
  }
  await buildPackages({ ...order, directory: plays }, () => undefined)
  cpSync(ROLE, join(plays, 'ansible'), { recursive: true })
  writeFileSync(join(plays, 'inventory.ini'), INVENTORY)
  mkdirSync(join(host.root, 'var/www/shop'), { recursive: true })
  writeFileSync(join(host.root, 'var/www/shop/index.php'), '<?php\n')
  writeFileSync(join(host.root, 'var/www/shop/env.php'), 'of the admin server')
  mkdirSync(join(host.root, 'var/www/copy'))
  writeFileSync(join(host.root, 'var/www/copy/env.php'), 'of the app server')
  const play = (more = '') => {
    const line = `cd /play/ansible && LC_ALL=C.UTF-8 ansible-playbook -i ../inventory.ini example.yml ${more}`
    return host.tryTo('sh', '-c', line)
  }
  const run = () => {
    const { status, stdout, stderr } = play()
    assert.equal(status, 0, stdout + stderr)
    return stdout
  }
  // Nobody listens there: it says so, and the next run is not in the way of what this one left.
  const failed = play('-e rootferry_agent_url=wss://127.0.0.1:1')
  assert.notEqual(failed.status, 0)
  assert.match(failed.stdout, /127\.0\.0\.1:1/)
  assert.match(run(), /^b .* failed=0/m)
  await until(
    () => host.tryTo('cmp', '/var/www/shop/index.php', '/var/www/copy/index.php').status === 0,
    () => host.tryTo('rootferry-agent', 'status').stdout,
  )
  assert.equal(readFileSync(join(host.root, 'var/www/copy/env.php'), 'utf8'), 'of the app server')
  const recap = run()
  assert.match(recap, /^a .* changed=0 /m)
  assert.match(recap, /^b .* changed=0 /m)
})
