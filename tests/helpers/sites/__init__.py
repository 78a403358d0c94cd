"""Servers under a store, and what can be done to them, the same for each kind.

site      what every kind offers
postgres  PostgreSQL
redis     Redis or Valkey
pair      two of PostgreSQL, one of which follows the other
starting  one of them, by name
small_disk  a disk that can be filled
thief     a proxy that keeps back the replies to requests of a kind
"""
