/**
 * Prints how the folders of each package import each other: `node test/tidy/arrows.ts [CHECKOUT]`.
 *
 * A place is a folder, or a file that lies loose in a folder which has folders. An arrow is one place that imports
 * another; an arrow is in a circle when other arrows lead back from its end to its beginning.
 */
import { join } from 'node:path'
import { readSourceTree } from '../support/source-tree.ts'
import { importsOf, targetOf } from './imports.ts'
import { placeOf } from './places.ts'
import { isShipped, packageOf } from './rule.ts'

const checkout = process.argv[2] ?? join(import.meta.dirname, '../..')
const files = readSourceTree(checkout).filter(isShipped)
const packages = new Map<string, Map<string, Set<string>>>()
for (const file of files) {
  const arrows = packages.get(packageOf(file.path) ?? '') ?? new Map<string, Set<string>>()
  packages.set(packageOf(file.path) ?? '', arrows)
  const from = placeOf(file.path)
  const out = arrows.get(from) ?? new Set<string>()
  arrows.set(from, out)
  for (const { specifier } of importsOf(file)) {
    const target = targetOf(file, specifier)
    if (target !== null && placeOf(target) !== from) out.add(placeOf(target))
  }
}

function reaches(arrows: Map<string, Set<string>>, from: string, to: string): boolean {
  const seen = new Set([from])
  for (const place of seen) for (const next of arrows.get(place) ?? []) seen.add(next)
  return seen.has(to)
}

for (const [name, arrows] of [...packages].sort()) {
  const all = [...arrows].flatMap(([from, targets]) => [...targets].map((to) => ({ from, to })))
  const back = all.filter(({ from, to }) => reaches(arrows, to, from))
  const inCircles = new Set(back.map(({ from }) => from))
  const counts = `${arrows.size} places, ${all.length} arrows, ${back.length} in circles of ${inCircles.size} places`
  process.stdout.write(`${name}: ${counts}\n`)
}
