package database

import "github.com/gatewright/gatewright/engine/problem"

// Advise lists what is allowed and may not be wise, by field. It never stops a save.
func (c *Config) Advise() problem.List {
	var l problem.List
	if c.TLS == Plaintext {
		l.Add("tls", "Whoever is on the way sees stored passwords and can let themselves in. Use this on the same machine only.")
	}
	switch {
	case c.PasswordCheck == InColumn && c.PasswordEncoding == "PLAIN":
		l.Add("passwordEncoding", "Whoever reads the table has every password. Store them as argon2id or bcrypt.")
	case c.PasswordCheck == InColumn && c.PasswordEncoding.Fast():
		l.Add("passwordEncoding", "Whoever steals the table can try thousands of millions of passwords a second. Store them as argon2id or bcrypt.")
	}
	if c.PasswordCheck == InColumn && c.PasswordEncoding.Salted() && c.SaltColumn == "" {
		l.Add("saltColumn", "Without a salt, equal passwords look equal, and tables of ready digests open them.")
	}
	if c.PasswordCheck == InQuery && c.ParameterEncoding == NoEncoding {
		l.Add("parameterEncoding", "The database gets the password itself, may write it into its logs and often compares it without case. Let the query give the stored password instead.")
	}
	if c.UserColumn == "" {
		l.Add("userColumn", "Tokens get the name as it was typed. Where the database compares without case or accents, one user then has several names.")
	}
	return l
}
