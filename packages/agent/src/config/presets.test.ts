/** Each pattern of each preset excludes the path it is meant for, and not one that only looks like it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PathFilter } from '@rootferry/protocol'
import { PRESETS, type PresetName } from './presets.ts'

/** For each pattern: a file that it excludes, or null where it includes again, and a similar file that must travel. */
type Cases = Record<string, { out: string | null; stays: string }>

const CASES: Record<PresetName, Cases> = {
  magento2: {
    '/var/cache/': { out: 'var/cache/mage--0/config', stays: 'vendor/acme/var/cache/Store.php' },
    '/var/page_cache/': { out: 'var/page_cache/mage--f/page', stays: 'vendor/magento/module-page-cache/etc/di.xml' },
    '/var/session/': { out: 'var/session/sess_abc', stays: 'lib/var/session/Handler.php' },
    '/var/log/': { out: 'var/log/system.log', stays: 'pub/media/wysiwyg/log/oak.jpg' },
    '/var/report/': { out: 'var/report/12/34', stays: 'pub/errors/report.php' },
    '/var/tmp/': { out: 'var/tmp/import.csv', stays: 'pub/media/tmp/catalog/product/a.jpg' },
    '/var/backups/': { out: 'var/backups/1700000000_db.sql', stays: 'var/view_preprocessed/pub/static/a.phtml' },
    '/var/composer_home/': { out: 'var/composer_home/auth.json', stays: 'composer.lock' },
    '/var/export/': { out: 'var/export/customers.csv', stays: 'app/code/Acme/var/export/Model.php' },
    '/var/import/': { out: 'var/import/products.csv', stays: 'pub/media/import/a.jpg' },
    '/var/import_history/': { out: 'var/import_history/1_products.csv', stays: 'var/.maintenance.flag' },
    '/var/importexport/': {
      out: 'var/importexport/export.csv',
      stays: 'vendor/magento/module-import-export/etc/di.xml',
    },
    '/auth.json': { out: 'auth.json', stays: 'vendor/acme/auth.json' },
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
    '/var/export/': { out: 'var/export/orders.csv', stays: 'app/code/core/Mage/Export.php' },
    '/var/importexport/': { out: 'var/importexport/a.csv', stays: 'app/code/core/Mage/ImportExport/etc/config.xml' },
    '/var/api/': { out: 'var/api/a/b', stays: 'app/code/core/Mage/Api/etc/api.xml' },
    '/media/css/': { out: 'media/css/0a1b.css', stays: 'skin/frontend/rwd/default/css/styles.css' },
    '/media/css_secure/': { out: 'media/css_secure/0a1b.css', stays: 'media/wysiwyg/css/oak.jpg' },
    '/media/js/': { out: 'media/js/0a1b.js', stays: 'js/prototype/prototype.js' },
  },
  shopware6: {
    '/var/cache/': { out: 'var/cache/prod_h1/Container.php', stays: 'public/theme/0a/css/all.css' },
    '/var/log/': { out: 'var/log/prod.log', stays: 'custom/plugins/Acme/src/var/log/View.php' },
    '/var/sessions/': { out: 'var/sessions/prod/sess_a', stays: 'public/media/var/sessions/a.jpg' },
    '/var/queue/': { out: 'var/queue/a', stays: 'files/documents/a.pdf' },
    '/var/test/': { out: 'var/test/a', stays: 'custom/plugins/Acme/test/a.php' },
    '/var/services/': { out: 'var/services/a', stays: 'config/services/a.yaml' },
    '/.cache/': { out: '.cache/phpstan/a', stays: 'public/bundles/.cache/a' },
    '/auth.json': { out: 'auth.json', stays: 'vendor/acme/auth.json' },
  },
  oxid: {
    '/source/tmp/*': { out: 'source/tmp/smarty/a.tpl.php', stays: 'source/out/pictures/generated/product/1/a.jpg' },
    '!/source/tmp/.htaccess': { out: null, stays: 'source/tmp/.htaccess' },
    '/source/log/*': { out: 'source/log/oxideshop.log', stays: 'source/modules/acme/log/Writer.php' },
    '!/source/log/.htaccess': { out: null, stays: 'source/log/.htaccess' },
    '/source/cache/*': { out: 'source/cache/a/b', stays: 'source/Core/Cache/Cache.php' },
    '!/source/cache/.htaccess': { out: null, stays: 'source/cache/.htaccess' },
    '!/source/cache/dir.txt': { out: null, stays: 'source/cache/dir.txt' },
    '/var/cache/': { out: 'var/cache/container.php', stays: 'var/configuration/shops/1.yaml' },
    '/auth.json': { out: 'auth.json', stays: 'vendor/acme/auth.json' },
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
    '/wp-content/updraft/': { out: 'wp-content/updraft/a-db.gz', stays: 'wp-content/plugins/updraftplus/a.php' },
    '/wp-content/ai1wm-backups/': {
      out: 'wp-content/ai1wm-backups/a.wpress',
      stays: 'wp-content/plugins/all-in-one-wp-migration/a.php',
    },
    '/wp-content/backups-dup-lite/': {
      out: 'wp-content/backups-dup-lite/a.zip',
      stays: 'wp-content/plugins/duplicator/a.php',
    },
    '/wp-content/backups-dup-pro/': {
      out: 'wp-content/backups-dup-pro/a.daf',
      stays: 'wp-content/plugins/duplicator-pro/a.php',
    },
    '/wp-content/uploads/backwpup-*/': {
      out: 'wp-content/uploads/backwpup-1a2b3c-backups/a.tar.gz',
      stays: 'wp-content/uploads/2026/11/backwpup-logo.png',
    },
    '/wp-content/uploads/backupbuddy_*/': {
      out: 'wp-content/uploads/backupbuddy_backups/a.zip',
      stays: 'wp-content/plugins/backupbuddy/a.php',
    },
    '/wp-content/backup-db/': { out: 'wp-content/backup-db/1.sql', stays: 'wp-content/plugins/wp-dbmanager/a.php' },
    '/.maintenance': { out: '.maintenance', stays: 'wp-content/.maintenance' },
  },
  typo3: {
    '/var/cache/': { out: 'var/cache/code/di/a.php', stays: 'var/labels/de/a.xlf' },
    '/var/log/': { out: 'var/log/typo3_a.log', stays: 'vendor/typo3/cms-core/Classes/Log/Logger.php' },
    '/var/lock/': { out: 'var/lock/flock_a', stays: 'composer.lock' },
    '/var/session/': { out: 'var/session/a/hash_b', stays: 'config/system/settings.php' },
    '/var/transient/': { out: 'var/transient/a', stays: 'public/fileadmin/a.jpg' },
    '/typo3temp/var/': { out: 'typo3temp/var/cache/a', stays: 'typo3temp/assets/compressed/merged-a.css' },
    '/auth.json': { out: 'auth.json', stays: 'vendor/acme/auth.json' },
  },
  drupal: {
    '/sites/*/files/php/': { out: 'sites/default/files/php/twig/a/b.php', stays: 'sites/default/files/css/css_a.css' },
    '/web/sites/*/files/php/': {
      out: 'web/sites/shop.example/files/php/twig/a.php',
      stays: 'web/sites/default/files/2026-11/php/a.jpg',
    },
    '/sites/simpletest/': { out: 'sites/simpletest/1/a', stays: 'core/modules/simpletest/a.php' },
    '/web/sites/simpletest/': { out: 'web/sites/simpletest/1/a', stays: 'web/sites/default/settings.php' },
    '/auth.json': { out: 'auth.json', stays: 'vendor/acme/auth.json' },
  },
  prestashop: {
    '/var/cache/': { out: 'var/cache/prod/class_index.php', stays: 'modules/acme/var/cache/a.php' },
    '/var/logs/': { out: 'var/logs/prod.log', stays: 'app/config/parameters.php' },
    '/var/sessions/': { out: 'var/sessions/prod/sess_a', stays: 'classes/Session.php' },
    '/cache/cachefs/*': { out: 'cache/cachefs/a/b', stays: 'cache/index.php' },
    '!/cache/cachefs/index.php': { out: null, stays: 'cache/cachefs/index.php' },
    '/cache/smarty/cache/*': { out: 'cache/smarty/cache/a.php', stays: 'classes/Smarty/a.php' },
    '!/cache/smarty/cache/index.php': { out: null, stays: 'cache/smarty/cache/index.php' },
    '/cache/smarty/compile/*': { out: 'cache/smarty/compile/a.php', stays: 'themes/classic/templates/index.tpl' },
    '!/cache/smarty/compile/index.php': { out: null, stays: 'cache/smarty/compile/index.php' },
    '/cache/tcpdf/*': { out: 'cache/tcpdf/a', stays: 'vendor/tecnickcom/tcpdf/tcpdf.php' },
    '!/cache/tcpdf/index.php': { out: null, stays: 'cache/tcpdf/index.php' },
    '/cache/class_index.php': { out: 'cache/class_index.php', stays: 'img/p/1/1.jpg' },
    '/log/*.log': { out: 'log/20261129_exception.log', stays: 'log/index.php' },
    '/admin*/autoupgrade/': {
      out: 'admin123abc/autoupgrade/backup/a.zip',
      stays: 'modules/autoupgrade/autoupgrade.php',
    },
    '/admin*/backups/*': { out: 'admin123abc/backups/1.sql.bz2', stays: 'admin123abc/themes/default/a.css' },
    '!/admin*/backups/index.php': { out: null, stays: 'admin123abc/backups/index.php' },
  },
  joomla: {
    '/cache/*': { out: 'cache/com_content/a.php', stays: 'plugins/system/cache/cache.php' },
    '!/cache/index.html': { out: null, stays: 'cache/index.html' },
    '/administrator/cache/*': {
      out: 'administrator/cache/autoload_psr4.php',
      stays: 'administrator/components/com_cache/a.php',
    },
    '!/administrator/cache/index.html': { out: null, stays: 'administrator/cache/index.html' },
    '/tmp/*': { out: 'tmp/install_a/a.zip', stays: 'images/tmp/oak.jpg' },
    '!/tmp/index.html': { out: null, stays: 'tmp/index.html' },
    '/administrator/logs/*': {
      out: 'administrator/logs/error.php',
      stays: 'administrator/components/com_actionlogs/a.php',
    },
    '!/administrator/logs/index.html': { out: null, stays: 'administrator/logs/index.html' },
    '/logs/*': { out: 'logs/error.php', stays: 'media/logs/a.js' },
    '!/logs/index.html': { out: null, stays: 'logs/index.html' },
    '/administrator/components/com_akeeba*/backup/*': {
      out: 'administrator/components/com_akeebabackup/backup/site-a.jpa',
      stays: 'administrator/components/com_akeebabackup/services/provider.php',
    },
    '!/administrator/components/com_akeeba*/backup/.htaccess': {
      out: null,
      stays: 'administrator/components/com_akeeba/backup/.htaccess',
    },
  },
  nextcloud: {
    '/data/': { out: 'data/alice/files/a.txt', stays: 'apps/files/data/a.php' },
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
        if (out !== null) assert.equal(new PathFilter(patterns).excludesWithParents(out, 'file'), true, out)
        if (out !== null) assert.equal(new PathFilter([pattern]).excludesWithParents(out, 'file'), true, out)
        assert.equal(new PathFilter(patterns).excludesWithParents(stays, 'file'), false, stays)
      })
    }
  })
}
