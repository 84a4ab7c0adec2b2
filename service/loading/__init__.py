"""Loading of accounts and hashes from exports of legacy stores."""
