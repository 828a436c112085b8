package keys

import "math/big"

// smallPrimes are the odd primes up to 167, which are also the ones whose
// residues give the broken generator away.
var smallPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73,
	79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

func hasSmallFactor(n *big.Int) bool {
	if n.Bit(0) == 0 {
		return true
	}
	for _, p := range smallPrimes {
		if residue(n, p) == 0 {
			return true
		}
	}
	return false
}

// fromBrokenGenerator recognises moduli of the library of CVE-2017-15361. Its
// primes are powers of 65537 modulo the product of many small primes, so the
// modulus is a power of 65537 modulo each of them. A sound modulus is that for
// all of them at once with a chance of about 2^-27 or less.
func fromBrokenGenerator(n *big.Int) bool {
	for _, p := range smallPrimes {
		if !isPowerOf65537(residue(n, p), p) {
			return false
		}
	}
	return true
}

func isPowerOf65537(r, p int64) bool {
	base := int64(65537) % p
	for power, i := int64(1), int64(0); i < p; i++ {
		if power == r {
			return true
		}
		power = power * base % p
	}
	return false
}

func residue(n *big.Int, p int64) int64 {
	return new(big.Int).Mod(n, big.NewInt(p)).Int64()
}
