"""Write the files of the tree: compressed variants, files for machines, the swap of directories."""
