module example.org/nodes/tools

go 1.24.0
