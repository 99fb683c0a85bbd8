// Package strictjson reads JSON the way a security boundary must: one object, exact names, no duplicates at any level, valid
// UTF-8, no lone surrogate, bounded depth, nothing behind it (R54), and numbers that lose nothing (R24).
//
// It owns that strictness for request bodies, JWT headers and claims; the grammar itself is go-json-experiment's jsontext,
// which this package alone knows. It refuses to know what the members mean. A parse walks the text three times and
// costs two allocations: the members and one string that holds their names (some more for an object of more than a dozen members).
// Start reading at object.go.
package strictjson
