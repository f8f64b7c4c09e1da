/**
 * The alert rules and the dashboard: promtool's own tests of the rules, that every alert says how grave it is and what to
 * do, and that every panel asks in proper PromQL. `test/e2e/metrics.test.ts` compares the names with the daemons.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'

const PROMTOOL = '/usr/bin/promtool'
const NO_PROMTOOL = existsSync(PROMTOOL) ? null : `there is no ${PROMTOOL}: apt-get install prometheus`
const RULES = join(import.meta.dirname, '../../packaging/prometheus')
const DASHBOARD = join(import.meta.dirname, '../../packaging/grafana/rootferry.json')

interface Alert {
  alert: string
  labels: { severity?: string }
  annotations: Record<string, string>
}

interface Panel {
  title: string
  datasource: { uid: string }
  gridPos: { x: number; w: number }
  targets: { expr: string }[]
}

function promtool(...words: string[]): void {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, words, { cwd: RULES, encoding: 'utf8' })
  assert.equal(status, 0, `${stdout}${stderr}`)
}

function panels(): Panel[] {
  return (JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { panels: Panel[] }).panels
}

test('the alert rules pass their tests', (t) => {
  if (NO_PROMTOOL !== null) return t.skip(NO_PROMTOOL)
  promtool('check', 'rules', 'rootferry.rules.yml')
  promtool('test', 'rules', 'rootferry.rules.test.yml')
})

test('every alert has a severity, a name of its own, and says what is seen and what to do', () => {
  const file = parse(readFileSync(join(RULES, 'rootferry.rules.yml'), 'utf8')) as { groups: { rules: Alert[] }[] }
  const alerts = file.groups.flatMap(({ rules }) => rules)
  assert.ok(alerts.length > 15)
  assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length)
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels.severity ?? '', /^(?:critical|warning|info)$/, alert)
    for (const name of ['summary', 'description', 'action']) assert.ok((annotations[name] ?? '').length > 10, alert)
  }
})

test('every panel of the dashboard asks in proper PromQL', (t) => {
  if (NO_PROMTOOL !== null) return t.skip(NO_PROMTOOL)
  const expressions = panels().flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const rules = expressions.map((expr, number) => ({
    record: `panel${number}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
  }))
  using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-panels-'))
  const file = join(directory.path, 'panels.json')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
  promtool('check', 'rules', file)
})

test('every panel has a title of its own, fits the grid, and takes the data source that was chosen', () => {
  const all = panels()
  assert.ok(all.length > 15)
  assert.equal(new Set(all.map(({ title }) => title)).size, all.length)
  for (const { title, datasource, gridPos } of all) {
    assert.equal(datasource.uid, '$' + '{datasource}', title)
    assert.ok(gridPos.x + gridPos.w <= 24, title)
  }
})
