/** A small docroot and two empty targets, for a first look. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Sample {
  source: string
  targets: string[]
}

export function makeSample(): Sample {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-sample-'))
  const source = join(place, 'docroot')
  for (const directory of ['css', 'media/products']) mkdirSync(join(source, directory), { recursive: true })
  writeFileSync(join(source, 'index.php'), "<?php require 'shop.php';\n")
  writeFileSync(join(source, 'shop.php'), "<?php echo 'Hello, customer.';\n")
  writeFileSync(join(source, 'css/shop.css'), 'body { font: 16px sans-serif }\n')
  writeFileSync(join(source, 'media/products/1.svg'), '<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>\n')
  return { source, targets: [join(place, 'web1'), join(place, 'web2')] }
}

export function sampleAdvice({ source, targets }: Sample): string {
  return [
    `A sample docroot is in ${source},`,
    `kept identical in      ${targets.join(' and ')}. Try in another terminal:`,
    `  echo '<p>New</p>' > ${join(source, 'new.html')}`,
    `  mv ${join(source, 'media')} ${join(source, 'pub')}`,
    `  rsync -ain --checksum --delete ${source}/ ${targets[0]}/     # lists nothing: they are identical`,
    '',
  ].join('\n')
}
