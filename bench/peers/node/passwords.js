// Whether a password is right, by one indexed read and one check: what both Node services do between request and answer.
'use strict'

const { createHash, timingSafeEqual } = require('node:crypto')
const bcrypt = require('bcrypt')
const { Pool } = require('pg')

const pool = new Pool({ connectionString: process.env.DATABASE_URL })
const FIND = { name: 'find', text: 'SELECT password_hash FROM peer_users WHERE username = $1' }

function isSaltedSha256 (stored, password) {
  const both = Buffer.from(stored.slice('{SSHA256}'.length), 'base64')
  const digest = createHash('sha256').update(password).update(both.subarray(32)).digest()
  return timingSafeEqual(digest, both.subarray(0, 32))
}

async function isRight (username, password) {
  const { rows } = await pool.query({ ...FIND, values: [username] })
  if (rows.length === 0) return false
  const stored = rows[0].password_hash
  return stored.startsWith('{SSHA256}') ? isSaltedSha256(stored, password) : bcrypt.compare(password, stored)
}

function answer (right) {
  const credential = right ? 'VERIFIED' : 'UNVERIFIED'
  return { commands: [{ type: 'com.okta.action.update', value: { credential } }] }
}

module.exports = { isRight, answer }
