// aedes as a broker for the interop tests: `node aedes.js '{"plain":1883,"webSocket":8080,"tls":…,"cert":…,"key":…,"unix":…}'`.
// It runs on 127.0.0.1 and says "ready" when everything listens; NODE_PATH leads to aedes and ws.
'use strict'

const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const tls = require('node:tls')
const { pathToFileURL } = require('node:url')
const ws = require('ws')

const wanted = JSON.parse(process.argv[2])

function listening (server, ...where) {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(...where, resolve)
  })
}

async function main () {
  // An ES module, which NODE_PATH does not lead to.
  const { Aedes } = await import(pathToFileURL(require.resolve('aedes')))
  const aedes = await Aedes.createBroker()
  const host = '127.0.0.1'
  await listening(net.createServer(aedes.handle), wanted.plain, host)
  const web = http.createServer()
  const sockets = new ws.WebSocketServer({ server: web, handleProtocols: () => 'mqtt' })
  sockets.on('connection', (socket, request) => aedes.handle(ws.createWebSocketStream(socket), request))
  await listening(web, wanted.webSocket, host)
  if (wanted.tls) {
    const [cert, key] = [wanted.cert, wanted.key].map((path) => fs.readFileSync(path))
    await listening(tls.createServer({ cert, key }, aedes.handle), wanted.tls, host)
  }
  await listening(net.createServer(aedes.handle), wanted.unix)
  console.log('ready')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
