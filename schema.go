package graft

import _ "embed"

//go:embed descriptor.schema.json
var descriptorSchema string

// DescriptorSchema returns the JSON Schema (draft 2020-12) of descriptors. It
// knows the structure and most of the grammar of the fields; ParseDescriptor
// knows the rest.
func DescriptorSchema() []byte { return []byte(descriptorSchema) }
