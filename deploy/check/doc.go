// Package check holds the files of deploy/ against what they are for: the
// settings, metrics and ports of the product, and the schemas, parsers and
// linters of those who read them. It is a module of its own, as these libraries
// are large and nothing of them belongs into the product.
package check
