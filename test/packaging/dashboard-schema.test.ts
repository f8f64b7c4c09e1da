/**
 * The Grafana dashboard by Grafana's own schema, which is published as TypeScript: the JSON is compiled against it, so that a
 * misspelt setting, or one of another version, is a fault here, and not a panel that looks wrong to its reader.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempDisposableSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
const DASHBOARD = readFileSync(join(ROOT, 'packaging/grafana/rootferry.json'), 'utf8')
const COMPOSABLE = '@grafana/schema/dist/esm/raw/composable'
/** Enums in JSON are their values. The query of an annotation is the data source's, and not in the schema. */
const TYPES = `
import type { AnnotationQuery, Dashboard, Panel } from '@grafana/schema'
import type { Options as StatOptions } from '${COMPOSABLE}/stat/panelcfg/x/StatPanelCfg_types.gen'
import type { FieldConfig, Options } from '${COMPOSABLE}/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'

type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends (infer Item)[] ? Plain<Item>[] : { [Key in keyof T]: Plain<T[Key]> }
type Of<Type extends string, PanelOptions, Custom> = Omit<Plain<Panel>, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Type
  options: Plain<Partial<PanelOptions>>
  fieldConfig: { defaults: Plain<Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'>> & { custom?: Custom }; overrides: [] }
  targets: { refId: string; expr: string; legendFormat?: string; instant?: boolean; format?: 'table' }[]
}
type Checked = Omit<Plain<Dashboard>, 'panels' | 'annotations'> & {
  panels: (Of<'stat', StatOptions, never> | Of<'timeseries', Options, Plain<FieldConfig>>)[]
  annotations: { list: (Plain<AnnotationQuery> & { expr: string; titleFormat: string })[] }
}
`

/** @returns what the compiler says of the JSON */
function faults(json: string): string {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-dashboard-'))
  mkdirSync(join(directory.path, 'node_modules'))
  symlinkSync(join(ROOT, 'node_modules/@grafana'), join(directory.path, 'node_modules/@grafana'))
  writeFileSync(join(directory.path, 'package.json'), '{"type":"module"}')
  writeFileSync(join(directory.path, 'dashboard.ts'), `${TYPES}\nexport const dashboard: Checked = ${json}`)
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--target',
    'esnext',
    '--module',
    'nodenext',
    '--types',
    '',
  ]
  const { stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), [...options, 'dashboard.ts'], {
    cwd: directory.path,
    encoding: 'utf8',
  })
  return `${stdout}${stderr}`
}

describe('the dashboard', () => {
  it('is what the schema of Grafana says', () => assert.equal(faults(DASHBOARD), ''))
  for (const [what, right, wrong] of [
    ['a misspelt setting of a panel', '"textMode"', '"textmode"'],
    ['a value that there is not', '"displayMode": "list"', '"displayMode": "lists"'],
    ['a setting of the dashboard that there is not', '"refresh": "30s"', '"refreshEvery": "30s"'],
  ] as const)
    it(`would be refused with ${what}`, () => {
      const spoilt = DASHBOARD.replace(right, wrong)
      assert.notEqual(spoilt, DASHBOARD)
      assert.match(faults(spoilt), /error TS/)
    })
})
