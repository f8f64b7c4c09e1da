/** Each pattern of each preset excludes the path it is meant for, and not one that only looks like it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PathFilter } from '@rootferry/protocol'
import { PRESETS, type PresetName } from './presets.ts'

/** For each pattern: a file that it excludes, and a similar file that must travel. */
type Cases = Record<string, { out: string; stays: string }>

const CASES: Record<PresetName, Cases> = {
  magento2: {
    '/var/cache/': { out: 'var/cache/mage--0/config', stays: 'vendor/acme/var/cache/Store.php' },
    '/var/page_cache/': { out: 'var/page_cache/mage--f/page', stays: 'vendor/magento/module-page-cache/etc/di.xml' },
    '/var/session/': { out: 'var/session/sess_abc', stays: 'lib/var/session/Handler.php' },
    '/var/log/': { out: 'var/log/system.log', stays: 'pub/media/wysiwyg/log/oak.jpg' },
    '/var/report/': { out: 'var/report/12/34', stays: 'pub/errors/report.php' },
    '/var/tmp/': { out: 'var/tmp/import.csv', stays: 'pub/media/tmp/catalog/product/a.jpg' },
    '/var/backups/': { out: 'var/backups/1700000000_db.sql', stays: 'var/view_preprocessed/pub/static/a.phtml' },
  },
  openmage: {
    '/var/cache/': { out: 'var/cache/mage--0/x', stays: 'media/catalog/product/cache/1/a.jpg' },
    '/var/full_page_cache/': {
      out: 'var/full_page_cache/a',
      stays: 'app/code/core/Enterprise/PageCache/etc/config.xml',
    },
    '/var/session/': { out: 'var/session/sess_abc', stays: 'app/code/core/Mage/Core/Model/Session.php' },
    '/var/log/': { out: 'var/log/exception.log', stays: 'app/code/core/Mage/Log/Model/Log.php' },
    '/var/report/': { out: 'var/report/123', stays: 'errors/report.php' },
    '/var/locks/': { out: 'var/locks/index_process_1.lock', stays: 'lib/var/locks/a' },
    '/var/tmp/': { out: 'var/tmp/a', stays: 'media/tmp/catalog/a.jpg' },
    '/var/backups/': { out: 'var/backups/db.gz', stays: 'app/code/core/Mage/Backup/Model/Backup.php' },
  },
  shopware6: {
    '/var/cache/': { out: 'var/cache/prod_h1/Container.php', stays: 'public/theme/0a/css/all.css' },
    '/var/log/': { out: 'var/log/prod.log', stays: 'custom/plugins/Acme/src/var/log/View.php' },
    '/var/sessions/': { out: 'var/sessions/prod/sess_a', stays: 'public/media/var/sessions/a.jpg' },
  },
  oxid: {
    '/source/tmp/': { out: 'source/tmp/smarty/a.tpl.php', stays: 'source/out/pictures/generated/product/1/a.jpg' },
    '/source/log/': { out: 'source/log/oxideshop.log', stays: 'source/modules/acme/log/Writer.php' },
    '/var/cache/': { out: 'var/cache/container.php', stays: 'var/configuration/shops/1.yaml' },
  },
  wordpress: {
    '/wp-content/cache/': { out: 'wp-content/cache/supercache/index.html', stays: 'wp-includes/cache.php' },
    '/wp-content/upgrade/': { out: 'wp-content/upgrade/akismet/a.php', stays: 'wp-admin/upgrade.php' },
    '/wp-content/upgrade-temp-backup/': {
      out: 'wp-content/upgrade-temp-backup/plugins/a/a.php',
      stays: 'wp-content/plugins/upgrade-temp-backup/a.php',
    },
    '/wp-content/wflogs/': {
      out: 'wp-content/wflogs/attack-data.php',
      stays: 'wp-content/plugins/wordfence/waf/a.php',
    },
    '/wp-content/uploads/wc-logs/': {
      out: 'wp-content/uploads/wc-logs/fatal-errors.log',
      stays: 'wp-content/uploads/2026/11/wc-logs.jpg',
    },
    '/wp-content/debug.log': { out: 'wp-content/debug.log', stays: 'wp-content/uploads/debug.log' },
    '/.maintenance': { out: '.maintenance', stays: 'wp-content/.maintenance' },
  },
}

for (const [name, cases] of Object.entries(CASES)) {
  const patterns = Object.keys(PRESETS[name as PresetName])

  describe(`the preset ${name}`, () => {
    it('has an example for every pattern', () => {
      assert.deepEqual(Object.keys(cases), patterns)
    })

    for (const [pattern, { out, stays }] of Object.entries(cases)) {
      it(`excludes by ${pattern} the path it is meant for, and nothing that only looks like it`, () => {
        assert.equal(new PathFilter([pattern]).excludesWithParents(out, 'file'), true, out)
        assert.equal(new PathFilter(patterns).excludesWithParents(stays, 'file'), false, stays)
      })
    }
  })
}
