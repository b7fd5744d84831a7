module example.org/cluster/pause

go 1.26.0
