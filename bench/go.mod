// The benchmarks against other people's code: a module of its own, so that no
// peer is ever a dependency of the product.
module cardferry/bench

go 1.26.0

require cardferry v0.0.0

require golang.org/x/text v0.43.0 // indirect

replace cardferry => ../
