// The Express service once for each core: `node cluster.js 2`.
'use strict'

const cluster = require('node:cluster')

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.argv[2]); i++) cluster.fork()
} else {
  require('./express.js')
}
