/**
 * Test fixture: every example message as the exact text that goes over the wire. Written once, changed by hand only.
 *
 * `golden.test.ts` says when a line must change, and to what.
 */
export const GOLDEN_TO_AGENT: Readonly<Record<string, readonly string[]>> = {
  hello: [
    '{"type":"hello","software":"0.1.0","root":"shop","epoch":"q83vEjRWeJA","term":"Zm9vYmFyYmE","sequence":1234,"durable":1200,"target":"populated","partials":[{"path":"var/import.csv","content":1199,"bytes":8387072}],"encodings":["tar","zstd"],"credit":25165824,"prepared":{"sequence":1240,"term":"Zm9vYmFyYmE"}}',
    '{"type":"hello","software":"0.1.0","root":"shop","epoch":null,"term":null,"sequence":0,"durable":0,"target":"empty","partials":[],"encodings":["tar"],"credit":1,"prepared":null}',
  ],
  credit: ['{"type":"credit","bytes":2097152}'],
  committed: ['{"type":"committed","sequence":1235,"burstMicros":41000}'],
  staged: ['{"type":"staged","sequence":1240}'],
  left: ['{"type":"left","sequence":1240}'],
  overtaken: ['{"type":"overtaken","sequence":1242}'],
  durable: ['{"type":"durable","sequence":1235}'],
  list: [
    '{"type":"list","request":1,"within":".","after":null,"digests":false}',
    '{"type":"list","request":2,"within":"media","after":"17/index.php","digests":true}',
  ],
  summarize: [
    '{"type":"summarize","request":5,"after":null,"owners":true}',
    '{"type":"summarize","request":6,"after":"17/","owners":false}',
  ],
  expand: [
    '{"type":"expand","request":7,"within":[".","media"],"after":null}',
    '{"type":"expand","request":8,"within":["media"],"after":"0/index.php"}',
  ],
  want: [
    '{"type":"want","request":3,"paths":[[".",null],["index.php","AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc"],["a\\\\b/ü \\n\\"c\\"",null]]}',
  ],
  repaired: ['{"type":"repaired","request":3}'],
  resynced: ['{"type":"resynced","sequence":1234}'],
  failing: [
    '{"type":"failing","error":{"code":"ENOSPC","message":"no space left on device"}}',
    '{"type":"failing","error":null}',
  ],
  owed: [
    '{"type":"owed","count":2,"paths":[{"path":"app/etc/env.php","code":"EPERM"}]}',
    '{"type":"owed","count":0,"paths":[]}',
  ],
  ready: ['{"type":"ready","ready":true}'],
  trash: [
    '{"type":"trash","batches":2,"bytes":4096,"oldest":1769847300000}',
    '{"type":"trash","batches":0,"bytes":0,"oldest":null}',
  ],
  'resync-progress': [
    '{"type":"resync-progress","id":1,"state":"running","checked":2000,"missing":1,"changed":0,"extraneous":1,"repaired":0,"bytes":0,"differences":[{"path":"index.php","kind":"missing"},{"path":"old.php","kind":"extraneous"}],"error":null}',
    '{"type":"resync-progress","id":1,"state":"failed","checked":2004,"missing":1,"changed":0,"extraneous":1,"repaired":1,"bytes":0,"differences":[],"error":"old.php: EACCES: permission denied"}',
  ],
}

export const GOLDEN_TO_RECEIVER: Readonly<Record<string, readonly string[]>> = {
  welcome: [
    '{"type":"welcome","software":"0.1.0","epoch":"q83vEjRWeJA","term":"Zm9vYmFyYmE","head":1240,"start":"replay","sequence":1234,"reason":"known position","total":{"entries":112260,"bytes":852492288},"filter":["/var/cache/","*.log","!keep.log"],"othersCurrent":true,"prepared":null,"released":1240,"clash":null}',
    '{"type":"welcome","software":"0.1.0","epoch":"q83vEjRWeJA","term":"Zm9vYmFyYmE","head":1240,"start":"resync","sequence":1240,"reason":"first join","total":{"entries":0,"bytes":0},"filter":[],"othersCurrent":false,"prepared":1240,"released":0,"clash":"two nodes use the token of web1: a (192.0.2.1) and b (192.0.2.2)","preserve":{"acls":true,"xattrs":["user","capability"],"hardLinks":true}}',
  ],
  changeset: [
    '{"type":"changeset","base":1200,"from":1234,"to":1240,"head":1240,"request":null,"changes":10,"bytes":4096}',
    '{"type":"changeset","base":1240,"from":1240,"to":1240,"head":1240,"request":3,"changes":3,"bytes":2048}',
  ],
  segment: [
    '{"type":"segment","index":0,"encoding":"zstd","bytes":121,"tarBytes":2048,"changes":[{"path":"old.php","kind":"absent"},{"path":".","kind":"directory","mode":1533,"uid":33,"gid":33,"mtime":1767225600123456},{"path":"media","kind":"directory","mode":493,"uid":33,"gid":33,"mtime":1767225600123456,"extended":{"acl":[["u",null,6],["u",1001,4],["g",null,4],["m",null,4],["o",null,0]],"defaultAcl":[["u",null,7],["g",null,5],["g",33,7],["m",null,7],["o",null,5]],"xattrs":[["user.origin","aHR0cHM6Ly9leGFtcGxlLm9yZw=="]]}},{"path":"current","kind":"symlink","mode":511,"uid":33,"gid":33,"mtime":-1,"target":"../releases/7"},{"path":"index.php","kind":"file","mode":420,"uid":33,"gid":33,"mtime":1767225600123456,"size":6,"digest":"AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc","source":"tar"},{"path":"config.php","kind":"file","mode":420,"uid":33,"gid":33,"mtime":1767225600123456,"size":6,"digest":"AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc","source":"keep"},{"path":"copy.php","kind":"file","mode":420,"uid":33,"gid":33,"mtime":1767225600123456,"size":6,"digest":"AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc","source":{"copy":"index.php"}},{"path":"link.php","kind":"link","to":"index.php","size":6,"mtime":1767225600123456},{"path":"again.php","kind":"file","mode":420,"uid":33,"gid":33,"mtime":1767225600123456,"size":6,"digest":"AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc","source":"keep","link":"index.php"}],"slice":null,"to":1236,"users":[[33,"www-data"]],"groups":[[33,"www-data"]]}',
    '{"type":"segment","index":1,"encoding":"tar","bytes":2048,"tarBytes":2048,"changes":[{"path":"var/import.csv","kind":"file","mode":420,"uid":33,"gid":33,"mtime":1767225600123456,"size":6,"digest":"AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc","source":"slices"}],"slice":{"path":"var/import.csv","content":1199,"offset":0,"length":6,"size":6,"delta":null},"to":1240,"users":[],"groups":[]}',
    '{"type":"segment","index":0,"encoding":"tar","bytes":2048,"tarBytes":2048,"changes":[],"slice":{"path":"var/shop.sql","content":1238,"offset":0,"length":67108864,"size":1073741824,"delta":{"base":1073741830,"steps":[[0,40000],[null,6],[40012,67068858]]}},"to":null,"users":[],"groups":[]}',
  ],
  overtake: [
    '{"type":"overtake","to":1242,"encoding":"tar","bytes":2048,"tarBytes":2048,"changes":[{"path":"upload.part","kind":"absent"},{"path":"media","kind":"directory","mode":1533,"uid":33,"gid":33,"mtime":1767225600123456,"extended":{"acl":[["u",null,6],["u",1001,4],["g",null,4],["m",null,4],["o",null,0]],"defaultAcl":[["u",null,7],["g",null,5],["g",33,7],["m",null,7],["o",null,5]],"xattrs":[["user.origin","aHR0cHM6Ly9leGFtcGxlLm9yZw=="]]}},{"path":"index.php","kind":"file","mode":420,"uid":33,"gid":33,"mtime":1767225600123456,"size":6,"digest":"AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc","source":"tar"},{"path":"config.php","kind":"file","mode":420,"uid":33,"gid":33,"mtime":1767225600123456,"size":6,"digest":"AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc","source":"keep"}],"users":[[33,"www-data"]],"groups":[[33,"www-data"]]}',
  ],
  commit: ['{"type":"commit","to":1240}'],
  prepare: ['{"type":"prepare","to":1240,"doubtMs":6000}'],
  leave: ['{"type":"leave","to":1240}'],
  listing: [
    '{"type":"listing","request":2,"sequence":1240,"directories":[{"path":"","entries":[[".","d",493,33,33,1767225600123456]],"complete":true},{"path":".","entries":[["index.php","f",420,33,33,1767225600123456,6,"AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc"],["import.csv","f",420,33,33,1767225600123456,16774144,null],["current","l",511,33,33,-1,"../releases/7"],["media","d",1533,33,33,0],["upload.part","u"]],"complete":false,"extended":[["media",{"acl":[["u",null,6],["u",1001,4],["g",null,4],["m",null,4],["o",null,0]],"defaultAcl":[["u",null,7],["g",null,5],["g",33,7],["m",null,7],["o",null,5]],"xattrs":[["user.origin","aHR0cHM6Ly9leGFtcGxlLm9yZw=="]]}]],"links":[["import.csv","var/import.csv"]]},{"path":"media","entries":[],"complete":true}],"users":[[33,"www-data"]],"groups":[[33,"www-data"]],"next":"1/media"}',
    '{"type":"listing","request":4,"sequence":1240,"directories":[],"users":[],"groups":[],"next":null}',
  ],
  summary: [
    '{"type":"summary","request":5,"sequence":1240,"directories":[[0,".",4,"AKujkozWIq1nwPgezVqoaZ"],[0,"media/catalog",2,null],[1,"wysiwyg",0,"47DEQpj8HBSa-_TImW-5JC"]],"users":[[33,"www-data"]],"groups":[[33,"www-data"]],"next":"17/"}',
    '{"type":"summary","request":6,"sequence":1240,"directories":[],"users":[],"groups":[],"next":null}',
  ],
  resync: [
    '{"type":"resync","id":1,"within":["."],"check":"metadata","dryRun":false}',
    '{"type":"resync","id":2,"within":["media","app/etc"],"check":"content","dryRun":true}',
    '{"type":"resync","id":3,"within":["."],"check":"metadata","dryRun":false,"summaries":true}',
  ],
  'cancel-resync': ['{"type":"cancel-resync","id":2}'],
}
